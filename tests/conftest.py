"""What every test shares: where the real test images are, and a quiet, small machine."""

import os
from pathlib import Path

import pytest

# Before torch and numpy are imported anywhere: two test processes must not fight over two cores.
os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images beside the checkout; tests that need it skip where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the real test images in {SHARED_DATA}")
    return SHARED_DATA
