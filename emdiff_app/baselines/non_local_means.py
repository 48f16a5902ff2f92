"""Non-local means (Buades et al. 2005), by scikit-image."""

from torch import Tensor

from .recorded import Recorded
from .registry import Parameter, register
from .stabilised import denoise_stabilised

__all__ = ["non_local_means"]

PATCH, REACH = 5, 6


@register(
    "non-local-means",
    "Averages pixels whose surroundings look alike.",
    needs=("noise",),
    strength=Parameter(
        0.8, "How different they may be, in standard deviations of the noise.", (0.4, 0.6, 0.8, 1.0, 1.3)
    ),
)
def non_local_means(recorded: Recorded, *, strength: float) -> Tensor:
    """`x_i = sum_j w_ij y_j / sum_j w_ij` with `w_ij = exp(-max(|P_i - P_j|^2 - 2 sigma^2, 0) / h^2)`."""
    from skimage.restoration import denoise_nl_means

    return denoise_stabilised(
        recorded,
        lambda y: denoise_nl_means(
            y, patch_size=PATCH, patch_distance=REACH, h=strength, sigma=1.0, fast_mode=True
        ),
    )
