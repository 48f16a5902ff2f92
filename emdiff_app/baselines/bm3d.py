"""BM3D (Dabov et al. 2007), by its authors' library."""

from torch import Tensor

from .extra import library
from .recorded import Recorded
from .registry import Parameter, register
from .stabilised import denoise_stabilised

__all__ = ["bm3d"]


@register(
    "bm3d",
    "Filters groups of similar patches together: the strongest classical denoiser (free for non-commercial use).",
    needs=("noise",),
    strength=Parameter(1.0, "The noise that it is told, in units of the true one.", (0.7, 0.85, 1.0, 1.15)),
)
def bm3d(recorded: Recorded, *, strength: float) -> Tensor:
    """The published profile, on variance-stabilised images whose noise has the standard deviation 1."""
    published = library("bm3d", "bm3d").bm3d
    return denoise_stabilised(recorded, lambda y: published(y, sigma_psd=strength))
