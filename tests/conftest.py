"""What every test shares: where the real test images are, and a quiet, small machine."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Before torch and numpy are imported anywhere: two test processes must not fight over two cores.
os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# A slow machine is no failure. On CI the examples are always the same: a new one is found at a desk, not by a newcomer.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images beside the checkout; tests that need it skip where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the real test images in {SHARED_DATA}")
    return SHARED_DATA
