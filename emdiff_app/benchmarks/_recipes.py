"""The recipes of the learning benchmarks: a preset, and what is changed for the kind of images."""

from typing import Any

from emdiff_app.learning import PRESETS

__all__ = ["DEBLUR", "DENOISE", "INPAINT"]

FOREVER = 1000
"""More rounds than there is time for: the time limit ends the run."""

DEBLUR: dict[str, Any] = {**PRESETS["standard"], "rounds": FOREVER}
DENOISE: dict[str, Any] = {**PRESETS["standard"], "rounds": FOREVER, "noise_per_image": "yes"}
INPAINT: dict[str, Any] = {**PRESETS["standard"], "rounds": FOREVER, "crop": 32}
