"""The recipes of the learning benchmarks: the presets that users get, for the kind of images."""

from typing import Any

from emdiff_app.learning import PRESETS

__all__ = ["DEBLUR", "DENOISE", "INPAINT"]

DEBLUR: dict[str, Any] = {"size": "small", **PRESETS["standard"]}
DENOISE: dict[str, Any] = DEBLUR
INPAINT: dict[str, Any] = {**DEBLUR, "crop": 32, "rounds": 100}
"""Small photographs are soon restored, so that time would be left over; with three quarters of the pixels missing the
twentieth round is far from the last that makes the prior better."""
