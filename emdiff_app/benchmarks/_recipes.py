"""The recipes of the learning benchmarks: the presets that users get, for the kind of images."""

from typing import Any

from emdiff_app.learning import PRESETS

__all__ = ["DEBLUR", "DENOISE", "INPAINT"]

DEBLUR: dict[str, Any] = PRESETS["standard"]
DENOISE: dict[str, Any] = PRESETS["standard"]
INPAINT: dict[str, Any] = {**PRESETS["standard"], "crop": 32}
