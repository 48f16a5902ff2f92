"""One look of the denoiser: where only noise was added, `D(y, m)` is the posterior mean itself.

`y = x + m n` is a state of the diffusion at the level m, so `E[x | y] = D(y, m)`: exact as far as the prior is, in
one evaluation. Noise that depends on the light has a map, `m^2 = gain x + b`, taken first at the local mean of y and
then at the estimate, for priors that were trained with such maps. `from_noise.fits` says where it is so.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from emdiff_app.diffusion import GaussianPrior, Prior
from emdiff_app.diffusion.batch import recorded_variance
from emdiff_app.physics import Imaging

from .condition import variance
from .covariance import pixel_variance, uncertainty_of

__all__ = ["TURNS", "look"]

TURNS = tuple((flip, quarters) for flip in (False, True) for quarters in range(4))
"""An isotropic prior sees an image in eight ways, none of them better than another."""


@torch.no_grad()
def look(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    *,
    turns: bool = False,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[Tensor, Tensor]:
    """`E[x | y]` and `Var[x | y]`, pixel by pixel. With `turns`, the mean of all eight ways to look."""
    if imaging.noise.depends_on_light:
        m = recorded_variance(imaging.noise, y, torch.isfinite(y)).sqrt()
        m = variance(imaging, prior.denoise(y, m), y).sqrt()
        on_step()
    else:
        m = variance(imaging, y, y).flatten(1)[:, 0].sqrt()
    mean, spread = _answer(prior, y, m)
    on_step()
    if turns:
        for flip, quarters in TURNS[1:]:
            level = _turned(m, flip, quarters) if m.ndim > 1 else m
            turned = prior.denoise(_turned(y, flip, quarters), level)
            mean = mean + _back(turned, flip, quarters)
            on_step()
        mean = mean / len(TURNS)
    return mean, spread


def _answer(prior: Prior, y: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    """With the prior's own variance where it has one, else with that which was measured of it."""
    own = getattr(prior, "inner", prior)
    if isinstance(own, GaussianPrior) or getattr(own, "variance", False):
        return prior.denoise_with_variance(y, m)
    mean = prior.denoise(y, m)
    return mean, pixel_variance(uncertainty_of(prior).at(mean, m), mean)


def _turned(x: Tensor, flip: bool, quarters: int) -> Tensor:
    return torch.rot90(x.flip(-1) if flip else x, quarters, (-2, -1))


def _back(x: Tensor, flip: bool, quarters: int) -> Tensor:
    x = torch.rot90(x, -quarters, (-2, -1))
    return x.flip(-1) if flip else x
