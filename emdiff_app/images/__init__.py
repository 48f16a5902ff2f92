"""Pixels in and out: every image enters as a `Stack` and leaves as a file written from one."""

from .arrays import stack_from_array
from .content import Content, check_content
from .open import open_stack
from .saving import Saved, save_stack
from .scale import IntensityScale
from .stack import AXES, PixelSize, PlaneReader, Stack

__all__ = [
    "AXES",
    "Content",
    "IntensityScale",
    "PixelSize",
    "PlaneReader",
    "Saved",
    "Stack",
    "check_content",
    "open_stack",
    "save_stack",
    "stack_from_array",
]
