"""Richardson-Lucy: the most likely image under photon noise, approached step by step and stopped before the end.

    x <- x / (1 - w div(grad x / |grad x|)) * A^T(m y' / (A x + b)) / A^T m

with y' the photons, m = 1 where a pixel was seen, and b the read noise's variance in photons, which y' carries
as well: together they behave like photons (Snyder et al. 1993). Dividing by `A^T m` is what makes borders and
missing pixels right: light that fell beside the sensor is not taken for darkness. w is the weight of total
variation (Dey et al. 2006); 0 gives the plain method.
"""

import torch
from torch import Tensor

from .differences import divergence, gradient
from .recorded import Recorded
from .registry import Need, Parameter, Trouble, register

__all__ = ["richardson_lucy", "richardson_lucy_tv"]

NEEDS: tuple[Need, ...] = ("psf",)
HANDLES: tuple[Trouble, ...] = ("missing pixels", "low resolution")
STEPS = (2, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96)
DARK = Parameter(None, "The level of no light; by default the camera's offset, 0 where there is none.")


@register(
    "richardson-lucy",
    "Undoes blur step by step; noise grows with the number of iterations.",
    needs=NEEDS,
    handles=HANDLES,
    iterations=Parameter(16, "Where to stop: more is sharper and noisier.", STEPS),
    dark=DARK,
)
def richardson_lucy(recorded: Recorded, *, iterations: int, dark: float | None) -> Tensor:
    """The plain method."""
    return _iterate(recorded, iterations, 0.0, dark)


@register(
    "richardson-lucy-tv",
    "Richardson-Lucy that holds back noise by total variation.",
    needs=NEEDS,
    handles=HANDLES,
    iterations=Parameter(32, "Where to stop.", (8, 16, 32, 64, 128)),
    weight=Parameter(0.01, "How strongly noise is held back.", (0.003, 0.01, 0.03, 0.06, 0.1)),
    dark=DARK,
)
def richardson_lucy_tv(recorded: Recorded, *, iterations: int, weight: float, dark: float | None) -> Tensor:
    """With the weight of total variation."""
    return _iterate(recorded, iterations, weight, dark)


def _iterate(recorded: Recorded, iterations: int, weight: float, dark: float | None) -> Tensor:
    imaging, seen = recorded.imaging, recorded.seen.to(recorded.y.dtype)
    level = recorded.dark(dark)
    zero = recorded.y.new_zeros(()) if level is None else level
    extra = _read_noise(recorded)
    light = torch.where(recorded.seen, (recorded.y - zero + extra).clamp_min(0), 0.0)
    reach = imaging.adjoint(seen.expand(light.shape))
    known = reach > 1e-3 * reach.amax()
    mean = light.sum((1, 2, 3), keepdim=True) / seen.expand(light.shape).sum((1, 2, 3), keepdim=True)
    x = mean.expand(reach.shape).clone()
    usual = mean.clamp_min(torch.finfo(light.dtype).tiny)
    tiny = 1e-7 * usual
    for _ in range(iterations):
        expected = imaging.apply(x) + extra
        ratio = imaging.adjoint(seen * light / expected.clamp_min(tiny)) / reach.clamp_min(1e-12)
        if weight:
            slope = gradient(x / usual)
            steep = slope.square().sum(0).sqrt().clamp_min(1e-6)
            ratio = ratio / (1 - weight * divergence(slope / steep)).clamp_min(0.1)
        x = torch.where(known, x * ratio, x)
    return imaging.crop(x) + zero


def _read_noise(recorded: Recorded) -> Tensor:
    """`read_noise^2 / gain`, in grey levels; 0 for noise that is not of photons."""
    if not recorded.photons:
        return recorded.y.new_zeros(())
    noise = recorded.imaging.noise
    gain, read = (torch.as_tensor(p).to(recorded.y) for p in (noise.gain, noise.read_noise))
    return read.square() / gain
