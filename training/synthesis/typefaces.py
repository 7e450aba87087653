"""Which font files numbers are drawn in."""

import logging
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from PIL import ImageFont

from recognizer.errors import InputError

logger = logging.getLogger(__name__)

INSTALLED: Final = "/usr/share/fonts"
"""Where typefaces are looked for unless a folder is named."""
FEW: Final = 100
"""Typefaces under which the log asks for more."""
GLYPH_HEIGHT: Final = 96
"""Size in pixels at which digits are drawn."""
_ENDINGS = {".ttf", ".otf", ".t1"}
_UNWANTED = ("Italic", "Oblique", "Thin", "Hairline", "ExtraLight", "Sinhala", "Tamil")
"""In the names of typefaces that are not upright, not bold enough or without Latin letters."""
_FONT_FAMILIES = (
    "BebasNeue", "Roboto", "Lato", "OpenSans", "Inter", "Cabin", "Cantarell", "Comfortaa", "Quicksand", "Jura",
    "Dosis", "Play", "Yanone", "Karla", "LiberationSans", "LiberationSansNarrow", "FreeSans", "NimbusSans",
    "DejaVuSans", "Carlito", "Hack", "OCRB", "Vera", "RobotoSlab", "Dustismo", "Junction", "C059", "P052",
    "ClearSans", "LeagueSpartan", "LeagueMono", "Manrope", "eurof", "SmileySans", "Lobster", "Leckerli", "Karmilla",
    "Ubuntu", "Oxygen", "mplus1",
)  # fmt: skip
_NOTO_FAMILIES = ("NotoSans", "NotoSansMono", "NotoSansDisplay", "NotoSerif", "NotoSerifDisplay")
"""Families of which only the heavy weights are wanted; other Noto families have no Latin digits."""
_INVENTED_SHARE = 0.5
"""Share of the numbers drawn in an invented typeface where font files may be chosen too."""


class TypefaceError(InputError):
    """A folder holds no typeface to draw numbers in."""


class Typefaces(NamedTuple):
    """What numbers are drawn in."""

    files: tuple[Path, ...]
    """Font files; a file that stands here twice is drawn twice as often."""
    invented_share: float
    """Share of the numbers drawn in invented typefaces (`training.synthesis.numerals`) instead, 0 to 1; all are where
    there is no file."""


@lru_cache(maxsize=1)
def installed(folder: str = INSTALLED) -> Typefaces:
    """Upright sans typefaces installed on this machine, bold weights twice, and invented ones."""
    found = [path for path in _font_files(Path(folder)) if _is_wanted(path.stem)]
    bold = [p for p in found if any(w in p.stem for w in ("Bold", "Black", "Heavy", "Bd", "Extra", "Bebas"))]
    return Typefaces(tuple(bold + found), _INVENTED_SHARE)


def in_folder(folder: Path) -> Typefaces:
    """The upright typefaces of a folder and those below it that can draw digits, and invented ones.

    Raises:
        TypefaceError: There is none.
    """
    found = tuple(path for path in _font_files(folder) if _draws_digits(path))
    if not found:
        raise TypefaceError(f"The folder {folder} holds no font file (.ttf, .otf) with digits; set typefaces.")
    return Typefaces(found, _INVENTED_SHARE)


def choose(folder: str) -> Typefaces:
    """The typefaces of a folder; of an empty name those installed. Logs how many there are.

    Raises:
        TypefaceError: The folder holds none.
    """
    typefaces = in_folder(Path(folder)) if folder else installed()
    count = len(set(typefaces.files))
    logger.info("numbers are drawn in %d typefaces of font files, and in invented ones", count)
    if count < FEW:
        logger.warning(
            "Only %d typefaces are in %s, where the network that ships was shown about 210; install font packages or "
            "name a folder with font files (typefaces)",
            count,
            folder or INSTALLED,
        )
    return typefaces


def _font_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _ENDINGS
        and not any(word in path.stem for word in _UNWANTED)
        and not any(path.stem.endswith(end) for end in ("It", "Light", "Ita"))
    ]


def _draws_digits(path: Path) -> bool:
    """Whether a font file can be opened and has ten different digits."""
    try:
        face = ImageFont.truetype(str(path), GLYPH_HEIGHT)
        return len({bytes(face.getmask(digit)) for digit in "0123456789"}) == 10
    except OSError:
        logger.warning("%s cannot be used to draw numbers; it is left out", path)
        return False


def _is_wanted(stem: str) -> bool:
    family, _, weight = stem.partition("-")
    if family in _NOTO_FAMILIES:
        return weight.endswith(("Bold", "Black"))
    plain = stem.replace("-", "").replace("_", "").lower()
    return any(plain.startswith(name.lower()) for name in _FONT_FAMILIES)
