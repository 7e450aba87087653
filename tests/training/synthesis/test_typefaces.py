"""Which font files numbers are drawn in: those of a folder, with a word about unusable and few ones."""

import shutil
from pathlib import Path

import matplotlib as mpl
import pytest

from training.synthesis.typefaces import TypefaceError, choose, in_folder, installed

FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"


def test_upright_typefaces_of_a_folder_and_below(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "below").mkdir()
    shutil.copy(FONTS / "DejaVuSans-Bold.ttf", tmp_path / "below")
    for name in ("DejaVuSans.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSansDisplay.ttf"):  # the last has no digits
        shutil.copy(FONTS / name, tmp_path)
    (tmp_path / "Broken.ttf").write_bytes(b"no font")
    typefaces = in_folder(tmp_path)
    assert [path.name for path in typefaces.files] == ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"]
    assert 0.0 < typefaces.invented_share < 1.0
    assert "Broken.ttf cannot be used" in caplog.text


def test_a_folder_without_typefaces(tmp_path: Path) -> None:
    with pytest.raises(TypefaceError, match=r"holds no font file \(.ttf, .otf\) with digits; set typefaces"):
        in_folder(tmp_path)


def test_few_typefaces_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copy(FONTS / "DejaVuSans.ttf", tmp_path)
    assert len(choose(str(tmp_path)).files) == 1
    assert f"Only 1 typefaces are in {tmp_path}" in caplog.text
    assert choose("") == installed()
