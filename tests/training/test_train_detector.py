"""Labels, views, loss and scores of the player detector's training, on pictures made in code."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from pipeline.config import load
from pipeline.detection.detector import DetectorSettings, PlayerDetector, default_weights, load_network
from pipeline.media.images import IMAGE_SUFFIXES
from pipeline.types import Detections, FloatArray
from training.detector.augment import augment
from training.detector.data import (
    NO_BOXES,
    NOTHING_SEEN,
    DetectorDataError,
    LabelledFrame,
    agreement,
    beside_labels,
    read_manifest,
    read_tracked_boxes,
    read_yolo_folder,
    write_manifest,
)
from training.detector.loop import DetectorTraining, fine_tune, keep_mask, targets
from training.detector.measure import measure
from training.detector.trials import Trial
from training.detector.weights import save_detector, shift_logits
from training.train_detector import main, table

QUICK = DetectorTraining(view=(160, 96), epochs=2, batch_size=2, threads=0, learning_rate=1e-3)


def boxes(*rows: tuple[float, float, float, float]) -> FloatArray:
    return np.array(rows, np.float32).reshape(-1, 4)


def found(rows: FloatArray, *confidence: float) -> Detections:
    return Detections(rows, np.array(confidence, np.float32))


@pytest.fixture
def frames(tmp_path: Path) -> list[LabelledFrame]:
    """Four noise pictures with a bright upright bar each, labelled."""
    rng = np.random.default_rng(0)
    made = []
    for index in range(4):
        bgr = rng.integers(40, 90, (96, 160, 3), np.uint8)
        x = 20 + 25 * index
        bgr[30:80, x : x + 20] = 220
        cv2.imwrite(str(tmp_path / f"{index}.png"), bgr)
        people = boxes((x, 30, x + 20, 80))
        made.append(LabelledFrame(tmp_path / f"{index}.png", f"m{index % 2}", "hand", people, NO_BOXES, NOTHING_SEEN))
    return made


def test_a_manifest_comes_back_as_written(tmp_path: Path, frames: list[LabelledFrame]) -> None:
    write_manifest(tmp_path / "frames.jsonl", frames)
    for a, b in zip(frames, read_manifest(tmp_path / "frames.jsonl"), strict=True):
        assert (a.image, a.match, a.source) == (b.image, b.match, b.source)
        np.testing.assert_array_equal(a.people, b.people)
        assert (b.doubtful.shape, b.seen.shape) == ((0, 4), (0, 5))
    with pytest.raises(DetectorDataError, match=r"none\.jsonl does not exist.*label"):
        read_manifest(tmp_path / "none.jsonl")


def test_hand_labels_are_read_without_the_ball(tmp_path: Path) -> None:
    for part in ("images", "labels"):
        (tmp_path / "train" / part).mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("names: [ball, player]\n")
    cv2.imwrite(str(tmp_path / "train/images/a.jpg"), np.zeros((100, 200, 3), np.uint8))
    (tmp_path / "train/labels/a.txt").write_text("1 0.5 0.5 0.1 0.4\n0 0.2 0.2 0.1 0.1\n")
    (frame,) = read_yolo_folder(tmp_path, "a_match")
    np.testing.assert_allclose(frame.people, boxes((90, 30, 110, 70)), atol=1e-3)
    assert (frame.match, frame.source) == ("a_match", "hand")


def test_frames_of_every_kind_of_picture_are_read_and_nobody_is_where_no_label_lies(tmp_path: Path) -> None:
    for part in ("images", "labels"):
        (tmp_path / "train" / part).mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("names: {0: player, 1: ball}\n")
    files = ["a.jpg", "b.JPG", "c.jpeg", *(f"d{suffix}" for suffix in IMAGE_SUFFIXES)]
    for file in files:
        cv2.imwrite(str(tmp_path / "train/images" / file), np.zeros((50, 100, 3), np.uint8))
    (tmp_path / "train/images/notes.md").touch()
    (tmp_path / "train/labels/c.txt").write_text("0 0.5 0.5 0.1 0.4\n")
    frames = read_yolo_folder(tmp_path, "a_match")
    assert {frame.image.name for frame in frames} == set(files)
    assert {frame.image.stem: len(frame.people) for frame in frames} == {"a": 0, "b": 0, "c": 1, "d": 0}
    assert {(frame.people.shape[1], frame.people.dtype.name) for frame in frames} == {(4, "float32")}


def test_tracked_boxes_without_a_role_on_the_field_are_doubtful(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("frame,track,x1,y1,x2,y2,conf\n0,1,0,0,5,9,1\n4,1,1,0,6,9,1\n4,2,50,0,60,9,1\n")
    (tmp_path / "l.csv").write_text(
        "track,first_frame,last_frame,number,team,role,sure,note\n1,3,9,unknown,,ignore,0,\n2,0,9,7,red,player,2,\n"
    )
    people, doubtful = read_tracked_boxes(tmp_path / "b.csv", tmp_path / "l.csv")
    assert list(people) == [4]
    np.testing.assert_array_equal(doubtful[0], boxes((0, 0, 5, 9)))
    np.testing.assert_array_equal(people[4], boxes((50, 0, 60, 9)))
    np.testing.assert_array_equal(doubtful[4], boxes((1, 0, 6, 9)))


def test_the_teacher_adds_only_where_no_label_stands() -> None:
    labelled = boxes((0, 0, 10, 20))
    seen = found(boxes((1, 0, 11, 20), (50, 0, 60, 20), (80, 0, 90, 20), (120, 0, 130, 20)), 0.9, 0.8, 0.2, 0.05)
    hall = np.full((100, 200, 3), 128, np.uint8)
    frame = LabelledFrame(Path(), "m", "tracked", labelled, NO_BOXES, beside_labels(hall, labelled, seen))
    people, doubtful = frame.lesson(certain=0.4, possible=0.1)
    np.testing.assert_array_equal(people, boxes((0, 0, 10, 20), (50, 0, 60, 20)))
    np.testing.assert_array_equal(doubtful, boxes((80, 0, 90, 20)))


def test_people_beside_a_grass_pitch_are_not_taught() -> None:
    bgr = np.full((200, 200, 3), (40, 160, 60), np.uint8)
    bgr[:100] = 128
    spectator, player, jumper = (20, 20, 40, 60), (60, 90, 80, 130), (100, 50, 120, 95)
    seen = beside_labels(bgr, NO_BOXES, found(boxes(spectator, player, jumper), 0.9, 0.9, 0.9))
    np.testing.assert_array_equal(seen[:, :4], boxes(player, jumper))


def test_views_agree_on_the_mean_confidence() -> None:
    merged = agreement([found(boxes((0, 0, 10, 20)), 0.8), found(boxes((1, 0, 11, 20)), 0.4), Detections.empty()])
    assert len(merged) == 1
    assert merged.confidence[0] == pytest.approx(0.4)


def test_a_second_box_on_the_same_person_stays_weak() -> None:
    person, half = (0.0, 0.0, 10.0, 20.0), (0.0, 0.0, 5.5, 20.0)
    merged = agreement([found(boxes(person, half), 0.9, 0.5), found(boxes(person), 0.9), found(boxes(person), 0.9)])
    assert merged.confidence.tolist() == pytest.approx([0.9, 0.5 / 3])


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), width=st.integers(40, 400), height=st.integers(40, 400))
def test_a_view_moves_boxes_with_the_picture(seed: int, width: int, height: int) -> None:
    bgr = np.zeros((height, width, 3), np.uint8)
    box = np.array([[width * 0.3, height * 0.2, width * 0.6, height * 0.9]], np.float32).round()
    x1, y1, x2, y2 = box[0].astype(int)
    bgr[y1:y2, x1:x2] = 255
    rng = np.random.default_rng(seed)
    view, people, doubtful = augment(bgr, box, NO_BOXES, (192, 128), (0.5, 2.0), rng)
    assert view.shape == (128, 192, 3)
    assert len(people) + len(doubtful) <= 1
    for left, top, right, bottom in people:
        assert 0 <= left < right <= 192
        assert 0 <= top < bottom <= 128
        inside = view[int(top) : int(bottom) + 1, int(left) : int(right) + 1].mean()
        assert inside > 70  # a narrow box has much of its border in it; outside is black


def test_an_augmented_view_is_repeatable(frames: list[LabelledFrame]) -> None:
    one, two = (
        augment(frames[0].read(), frames[0].people, NO_BOXES, (96, 96), (0.7, 1.5), np.random.default_rng(5))
        for _ in range(2)
    )
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_targets_are_shares_of_the_view() -> None:
    made = targets([boxes((0, 0, 40, 20)), NO_BOXES, boxes((20, 10, 40, 30))], (80, 40))
    assert made["batch_idx"].tolist() == [0, 2]
    torch.testing.assert_close(made["bboxes"], torch.tensor([[0.25, 0.25, 0.5, 0.5], [0.375, 0.5, 0.25, 0.5]]))


def test_cells_of_doubtful_boxes_are_left_out_unless_a_person_is_there() -> None:
    keep = keep_mask([boxes((0, 0, 16, 32)), NO_BOXES], [boxes((0, 0, 32, 32)), NO_BOXES], (64, 32))
    fine = keep[0, :32, 0].reshape(4, 8)  # stride 8
    assert fine[:, :2].all()
    assert not fine[:, 2:4].any()
    assert fine[:, 4:].all()
    assert keep[1].all()
    assert keep.shape == (2, 32 + 8 + 2, 1)


def test_fine_tuning_changes_the_class_branch_alone(frames: list[LabelledFrame]) -> None:
    start = {name: value.float() for name, value in load_file(default_weights()).items()}
    tuned = fine_tune(start, frames, QUICK)
    assert tuned.keys() == start.keys()
    changed = [name for name, value in tuned.items() if not torch.equal(value.float(), start[name])]
    assert changed
    all_new = fine_tune(start, frames, replace(QUICK, start_share=0.0))
    name = "model.23.cv3.0.2.weight"
    torch.testing.assert_close(tuned[name], 0.4 * all_new[name] + 0.6 * start[name])
    assert all(name.startswith("model.23.cv3.") for name in changed)
    assert not any(name.endswith(("running_mean", "running_var")) for name in changed)
    again = fine_tune(start, frames, QUICK)
    bias = "model.23.cv3.0.2.bias"
    torch.testing.assert_close(tuned[bias], again[bias])
    shifted = fine_tune(start, frames, replace(QUICK, class_shift=QUICK.class_shift + 0.25))
    torch.testing.assert_close(shifted[bias], tuned[bias] + 0.25)
    torch.testing.assert_close(shifted[name], tuned[name])


def test_shifted_logits_make_every_box_surer_and_move_none(frames: list[LabelledFrame], tmp_path: Path) -> None:
    state = load_file(default_weights())
    save_detector(tmp_path / "surer.safetensors", shift_logits(state, 0.5), {"classes": ["player"]})
    picture = torch.from_numpy(frames[0].read()).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        before, after = (
            load_network(path)[0](picture)[1] for path in (default_weights(), tmp_path / "surer.safetensors")
        )
    torch.testing.assert_close(after["scores"], before["scores"] + 0.5, atol=0.02, rtol=0)
    torch.testing.assert_close(after["boxes"], before["boxes"])


def test_measuring_counts_people(frames: list[LabelledFrame]) -> None:
    detector = PlayerDetector(DetectorSettings(image_size=160, confidence=0.02), torch.device("cpu"))
    score = measure(detector, frames, 0.25)
    assert score.people == 4
    assert score.recall == score.found / 4
    assert "| people |" in table([{"people": 4, "recall": 0.5}])


def test_train_and_measure_by_command(
    tmp_path: Path, frames: list[LabelledFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    write_manifest(tmp_path / "frames.jsonl", frames)
    save_file(load_file(default_weights()), tmp_path / "start.safetensors")
    quick = [f"--set={key}" for key in ("view=[160, 96]", "batch_size=2", "epochs=1", "hand_repeats=1", "threads=0")]
    out = tmp_path / "out.safetensors"
    assert main(["train", "--work", str(tmp_path), "--hold-out", "m1", "--output", str(out), *quick]) == 0
    card = json.loads(out.with_suffix(".json").read_text())
    assert (card["training"]["matches"], card["training"]["held_out"]) == (["m0"], ["m1"])
    assert out.stat().st_size < 7_000_000
    measured = ["measure", "--work", str(tmp_path), "--match", "m1", "--size", "160", "--set=threads=0", str(out)]
    assert main(measured) == 0
    assert "| m1 | 160 | 0.6 | out | 2 |" in capsys.readouterr().out
    measured[4] = "nowhere"
    assert main(measured) == 2
    assert "no labelled frame is of the match 'nowhere'; there are m0, m1" in capsys.readouterr().err.lower()


def test_weights_that_cannot_be_written_are_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "start.safetensors").touch()
    for name, sentence in (
        ("out.pt", "must end in .safetensors"),
        ("file/out.safetensors", "file is a file, but a folder is needed"),
        ("start.safetensors", "is what the training starts from"),
    ):
        assert main(["train", "--work", str(tmp_path), "--output", str(tmp_path / name)]) == 2
        assert sentence in capsys.readouterr().err


def test_folds_by_command(tmp_path: Path, frames: list[LabelledFrame], capsys: pytest.CaptureFixture[str]) -> None:
    write_manifest(tmp_path / "frames.jsonl", frames)
    save_detector(tmp_path / "start.safetensors", load_file(default_weights()), {"classes": ["player"]})
    quick = [f"--set={key}" for key in ("view=[160, 96]", "batch_size=2", "epochs=1", "hand_repeats=1", "threads=0")]
    folds = ["folds", "--work", str(tmp_path), "--size", "160", *quick]
    assert main([*folds, "--shift", "0", "9"]) == 0
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    keys = [(row[0], row[3], row[4]) for row in rows]
    assert keys == [
        (half, weights, people)
        for half, people in (("both", "4"), ("half 1", "2"), ("half 2", "2"))
        for weights in ("start", "tuned +0", "tuned +9")
    ]
    assert all(int(row[5]) == sum(int(other[5]) for other in rows[i::3][1:]) for i, row in enumerate(rows[:3]))
    held_out = [json.loads((tmp_path / f"fold_{n}.json").read_text())["training"]["held_out"] for n in (1, 2)]
    assert held_out == [["m0"], ["m1"]]
    assert main([*folds, "--overlap", "1.5"]) == 2
    assert "iou is 1.5; allowed is 0 to 1." in capsys.readouterr().err


def test_folds_need_two_matches(
    tmp_path: Path, frames: list[LabelledFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    write_manifest(tmp_path / "frames.jsonl", [frame for frame in frames if frame.match == "m0"])
    assert main(["folds", "--work", str(tmp_path)]) == 2
    assert "of 1 match(es), expected at least 2" in capsys.readouterr().err


@pytest.mark.parametrize(("confidence", "precision"), [(0.001, "auto"), (0.25, "float64")])
def test_a_trial_refuses_what_no_detector_takes(confidence: float, precision: str) -> None:
    with pytest.raises(DetectorDataError, match=r"(confidence|precision) is .*(, expected|; allowed are) "):
        Trial(confidence=confidence, precision=precision)


def test_the_shipped_configuration_is_the_default_but_for_the_matches() -> None:
    shipped = load(DetectorTraining, Path(__file__).parents[2] / "configs" / "train_detector.yaml")
    assert load(DetectorTraining, None, [f"same_match={json.dumps(shipped.same_match)}"]) == shipped
