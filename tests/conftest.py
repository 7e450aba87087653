"""What holds for all tests."""

from collections.abc import Iterator

import hypothesis
import matplotlib
import pytest
from factories import SHARED

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")  # how long an example takes says nothing on a busy machine


@pytest.fixture(scope="session", autouse=True)
def own_cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Exported networks stay out of the user's cache; the list of fonts that Matplotlib built there may be used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("user-cache")))
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests of real clips and data are skipped where those do not lie beside the checkout."""
    if item.get_closest_marker("shared") and not SHARED.is_dir():
        pytest.skip(f"needs the real clips in {SHARED}")
