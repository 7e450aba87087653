"""The test of numbers whose digits were seen, but not together."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import load
from pipeline.types import UInt8Image
from training.data.layout import scan
from training.fitting.settings import DataSettings
from training.fitting.tree_feed import choose_items
from training.mixture.players import NumberPhoto
from training.mixture.sources import PhotoSource, Source
from training.unseen.data import (
    Side,
    UnseenData,
    composed_numbers,
    composed_sources,
    copy_tree,
    font_family,
    pair_crops,
    sources_of,
    training_shares,
    write_tree,
)
from training.unseen.recipes import AVERAGED, RECIPES, seed_items, settings_of
from training.unseen_numbers import UnseenSettings, base_settings, main, table


def picture(side: int, seed: int) -> UInt8Image:
    return np.random.default_rng(seed).integers(0, 255, (side, side, 3)).astype(np.uint8)


def side(photo_number: str = "48") -> Side:
    photo = NumberPhoto("a", picture(192, 1), np.array([70, 70, 120, 120], np.float32), photo_number)
    return Side([picture(60, i) for i in range(3)], (), {"4": [[picture(26, 2)]], "8": [[picture(30, 3)]]}, [photo])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("data.train_numbers=[]", "data.train_numbers is []; it needs one of 1 digit(s) too."),
        ("data.train_numbers=['4']", "data.train_numbers is ['4']; it needs one of 2 digit(s) too."),
        ("data.test_numbers=[]", "data.test_numbers is empty; allowed are '0' to '99' and '00'."),
        ("data.test_numbers=['-1']", "data.test_numbers holds '-1'; allowed are '0' to '99' and '00'."),
        ("data.test_numbers=['49']", "data.test_numbers holds '49', which train_numbers holds too; only one may."),
        ("data.without_tens=1.5", "data.without_tens is 1.5; allowed is 0 to 1."),
        ("data.test_sequences=0", "data.test_sequences is 0; allowed is 1 to 90000."),
        ("seed=-1", "seed is -1; allowed is 0 to "),
    ],
)
def test_settings_out_of_range_are_one_sentence(capsys: pytest.CaptureFixture[str], wrong: str, message: str) -> None:
    assert main(["--set", wrong]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_pairs_are_as_high_as_their_left_half() -> None:
    rng = np.random.default_rng(0)
    left, right = [np.full((24, 16, 3), 200, np.uint8)], [np.full((48, 40, 3), 90, np.uint8)]
    for pair in pair_crops(rng, left, right, 5):
        assert pair.shape[0] == 24
        assert 16 * 0.8 + 20 * 0.8 - 1 <= pair.shape[1] <= 16 + 20
        assert abs(float(pair.mean()) - 200) < 3  # the right half takes the colour of the left one


def test_a_number_is_shown_by_all_that_can_show_it() -> None:
    rng = np.random.default_rng(0)
    assert [type(s).__name__ for s in sources_of(rng, side(), "48")] == ["DrawSource", "PasteSource", "PhotoSource"]
    assert [type(s).__name__ for s in composed_sources(rng, side(), "48")] == ["DrawSource", "PasteSource"]
    assert [type(s).__name__ for s in sources_of(rng, side(), "66")] == ["DrawSource"]
    assert not any(isinstance(source, PhotoSource) for source in sources_of(rng, side("99"), "48"))


def shown(*numbers: str) -> dict[str, list[Source]]:
    rng = np.random.default_rng(0)
    return {number: sources_of(rng, side(), number) for number in numbers}


def test_a_tree_holds_the_shares_asked_for(tmp_path: Path) -> None:
    write_tree(tmp_path / "train", shown("4", "8", "48"), {"4": 0.5, "8": 0.4, "48": 0.1}, 20, seed=0)
    items = scan(tmp_path / "train").items
    assert Counter(item.number for item in items) == {"4": 20, "8": 16, "48": 4}  # two sub-folders each
    assert all(len(item.frames) == 5 and item.anchor == 0 for item in items)


def test_another_seed_adds_to_a_tree(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_tree(tmp_path, shown("4"), {"4": 1.0}, 3, seed)
    assert len({item.key for item in scan(tmp_path).items}) == 6


def test_the_same_seed_writes_the_same_pictures(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_tree(tmp_path / name, shown("4", "48"), {"4": 0.5, "48": 0.5}, 4, seed=3)
    first, second = (sorted(p for p in (tmp_path / n).rglob("*.jpg")) for n in ("a", "b"))
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_a_copy_takes_the_same_files(tmp_path: Path) -> None:
    write_tree(tmp_path / "a", shown("4"), {"4": 1.0}, 1, seed=0)
    copy_tree(tmp_path / "a", tmp_path / "b")
    files = sorted((tmp_path / "a").rglob("*.jpg"))
    assert len(files) == 10
    assert all(file.samefile(tmp_path / "b" / file.relative_to(tmp_path / "a")) for file in files)


def test_the_imbalance_is_the_seeds() -> None:
    shares = training_shares(UnseenData())
    assert sum(shares.values()) == pytest.approx(1.0)
    assert sum(share for number, share in shares.items() if len(number) == 1) == pytest.approx(0.939)


def test_only_digits_trained_alone_are_composed() -> None:
    composed = composed_numbers(UnseenData().train_numbers)
    assert len(composed) == 16
    assert set("".join(composed)) == set("4689")


def test_training_leaves_the_tested_numbers_out() -> None:
    assert base_settings(UnseenSettings(), "shirts", 5).data.test_numbers == ("48", "64", "88")


def test_the_recipes_differ_in_what_their_names_say() -> None:
    base = base_settings(UnseenSettings(), "shirts", 5)
    seed, loss, weighting, composition, filming = (settings_of(recipe, base, "out") for recipe in RECIPES)
    assert (seed.model.frozen_fraction, seed.fit.mixup_probability, seed.fit.label_smoothing) == (0.6, 0.5, 0.1)
    assert (loss.model.frozen_fraction, loss.fit.mixup_probability, loss.fit.deep_supervision) == (0.0, 0.0, 0.5)
    assert loss.fit == weighting.fit == composition.fit
    assert seed.class_weights == loss.class_weights != weighting.class_weights
    assert replace(filming, augment=composition.augment, output="out") == composition
    assert filming.augment.film
    assert [recipe.tree for recipe in RECIPES] == ["shirts"] * 3 + ["composed"] * 2


def test_recipes_that_exist_are_averaged() -> None:
    assert set(AVERAGED) <= {recipe.name for recipe in RECIPES}


def test_the_shipped_configuration_is_the_default() -> None:
    assert load(UnseenSettings, Path("configs/unseen_numbers.yaml")) == UnseenSettings()


def test_the_table_has_a_row_for_every_recipe_and_decoder() -> None:
    counts = {"plain argmax": (10, 100), "seed rule": (20, 100), "joint": (95, 100)}
    rows = table({"seed": {"seen": counts, "unseen": counts}}).splitlines()
    assert len(rows) == 5
    assert "| seed | joint | 0.950 (95/100) | 0.950 (95/100) | 0.888–0.978 |" in rows


@pytest.mark.parametrize("text", ["nonsense=1", "fit.epochs=0"])
def test_a_wrong_setting_is_one_sentence(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", text]) == 2
    assert text.split("=")[0].split(".")[-1] in capsys.readouterr().err


def test_missing_data_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", f"data.data={tmp_path}/none", "--set", f"output={tmp_path}/out"]) == 2
    error = capsys.readouterr().err
    assert "does not exist; set data.data and data.clips" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("file", "family"),
    [
        ("opentype/play/Play-Regular.otf", "play"),
        ("truetype/play/Play-Bold.ttf", "play"),
        ("roboto/unhinted/RobotoTTF/RobotoCondensed-Bold.ttf", "roboto"),
        ("karla-variable/Karla[wght].ttf", "karla"),
        ("liberation2/LiberationSans-Regular.ttf", "liberation"),
        ("dejavu/DejaVuSans.ttf", "deja"),
    ],
)
def test_a_family_is_known_by_its_name_in_any_folder(file: str, family: str) -> None:
    assert font_family(Path(file)) == family


def test_only_the_seeds_split_tears_sequences_apart(tmp_path: Path) -> None:
    for number in ("4", "48", "8"):
        for sequence in range(12):
            for subdir in range(2):
                folder = tmp_path / number / f"player_{number}{sequence}_seq_1" / str(subdir)
                folder.mkdir(parents=True)
                (folder / "1_1_0.jpg").touch()
    data = DataSettings(test_numbers=("48",), validation_share=0.3)
    torn = {}
    for choose in (seed_items, choose_items):
        trained, held_out = choose(scan(tmp_path), data, 0)
        assert len(trained) + len(held_out) == 48
        assert {item.number for item in (*trained, *held_out)} == {"4", "8"}
        torn[choose.__name__] = {item.key for item in trained} & {item.key for item in held_out}
    assert torn["seed_items"]
    assert not torn["choose_items"]
    assert [recipe.name for recipe in RECIPES if recipe.leaky_split] == ["seed"]
