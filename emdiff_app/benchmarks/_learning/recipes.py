"""The recipes of the learning benchmarks: the presets that users get, for the kind of images."""

from typing import Any

from emdiff_app.learning import PRESETS

__all__ = ["DEBLUR", "DENOISE", "INPAINT"]

DEBLUR: dict[str, Any] = {"size": "small", **PRESETS["standard"]}
DENOISE: dict[str, Any] = DEBLUR
INPAINT: dict[str, Any] = {**DEBLUR, "crop": 32}
