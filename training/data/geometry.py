"""What part of a player the regions of a data set show: `crops.json` in its root.

A data set without it is fine; nothing is then known of its regions.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from pipeline.crops import GEOMETRY, CropSettings
from recognizer.errors import InputError, reason_of
from training.data.layout import CROPS

Geometry = Mapping[str, float]
"""Values of the crop settings in `pipeline.crops.GEOMETRY`, by name."""


class GeometryError(InputError):
    """A record of how regions were cut that cannot be used."""


def geometry_of(settings: CropSettings) -> dict[str, float]:
    """The geometry of crop settings.

    >>> geometry_of(CropSettings())
    {'side_of_height': 0.35, 'side_of_width': 0.45, 'centre_y': 0.32, 'top_slack': 0.03}
    """
    return {name: float(getattr(settings, name)) for name in GEOMETRY}


def read_geometry(root: Path) -> dict[str, float] | None:
    """How the regions of a data set were cut; None where nothing tells.

    Raises:
        GeometryError: The file cannot be read or is of another form.
    """
    path = root / CROPS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: float(found[name]) for name in GEOMETRY}
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GeometryError(f"{path} cannot be read ({reason_of(error)}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise GeometryError(
            f"{path} does not tell how the data set's regions were cut ({error!r}); mend it or remove it."
        ) from error


def geometry_text(geometry: Geometry) -> str:
    """A geometry as settings of the pipeline.

    >>> geometry_text({"centre_y": 0.32, "top_slack": 0.03})
    'crops.centre_y=0.32 crops.top_slack=0.03'
    """
    return " ".join(f"crops.{name}={value}" for name, value in geometry.items())


def geometry_options(geometry: Geometry) -> str:
    """A geometry as options of a command.

    >>> geometry_options({"centre_y": 0.32})
    '--set crops.centre_y=0.32'
    """
    return " ".join(f"--set {setting}" for setting in geometry_text(geometry).split())


def unlike(one: Mapping[str, object], other: Geometry) -> dict[str, float]:
    """What of a geometry another one has otherwise; what `one` does not hold as a number is not compared.

    >>> unlike({"centre_y": 0.5, "top_slack": 0.03}, {"centre_y": 0.32, "top_slack": 0.03})
    {'centre_y': 0.5}
    """
    values = {name: float(value) for name, value in one.items() if isinstance(value, int | float) and name in other}
    return {name: value for name, value in values.items() if not math.isclose(value, other[name])}
