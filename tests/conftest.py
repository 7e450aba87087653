"""What holds for all tests."""

import pytest
from factories import SHARED


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests of real clips and data are skipped where those do not lie beside the checkout."""
    if item.get_closest_marker("shared") and not SHARED.is_dir():
        pytest.skip(f"needs the real clips in {SHARED}")
