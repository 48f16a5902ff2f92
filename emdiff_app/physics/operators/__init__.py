"""Linear operators `y = A x`: identity, blur, mask, downsampling and chains of them, with exact adjoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .specs import BlurSpec, DownsampleSpec, IdentitySpec, MaskSpec, MotionBlurSpec, OperatorSpec

if TYPE_CHECKING:
    from .base import Composition, Identity, LinearOperator
    from .blur import Blur
    from .building import Surroundings, bind_operator
    from .downsample import Downsample
    from .mask import Mask

__all__ = [
    "Blur",
    "BlurSpec",
    "Composition",
    "Downsample",
    "DownsampleSpec",
    "Identity",
    "IdentitySpec",
    "LinearOperator",
    "Mask",
    "MaskSpec",
    "MotionBlurSpec",
    "OperatorSpec",
    "Surroundings",
    "bind_operator",
]

# The operators need torch; the words that describe them do not.
_HOME = {
    "Blur": "blur",
    "Composition": "base",
    "Downsample": "downsample",
    "Identity": "base",
    "LinearOperator": "base",
    "Mask": "mask",
    "Surroundings": "building",
    "bind_operator": "building",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
