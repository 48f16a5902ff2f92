"""Pictures of every step, to look at: in `screenshots/`, or in the folder that EMDIFF_SCREENSHOTS names."""

import os
from pathlib import Path

import pytest
from picturing import Pictures

USUAL = Path(__file__).resolve().parents[2] / "screenshots"


@pytest.fixture
def pictures(request):
    """Keeps pictures under the name of the test, without those of an earlier run."""
    folder = Path(os.environ.get("EMDIFF_SCREENSHOTS") or USUAL) / request.node.originalname
    return Pictures(folder)
