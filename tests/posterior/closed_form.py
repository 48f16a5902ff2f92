"""Problems whose exact posterior is known: a stationary Gaussian prior, four imaging models, dense algebra."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from emdiff_app import posterior
from emdiff_app.diffusion import GaussianPrior
from emdiff_app.physics import Imaging, ImagingModel
from emdiff_app.physics.random import generator_of

SIDE = 12
MEAN = 0.5


def white(sigma):
    return {"kind": "gaussian", "sigma": sigma}


BLUR = {
    "kind": "blur",
    "psf": {"kind": "gaussian", "fwhm_px": 2.5, "shape": [5, 5]},
    "boundary": "periodic",
}
MASK = {"kind": "mask", "pattern": "random", "missing": 0.6, "seed": 1}
MODELS = {
    "noise": {"noise": white(0.4)},
    "blur": {"operator": [BLUR], "noise": white(0.1)},
    "mask": {"operator": [MASK], "noise": white(0.1)},
    "downsample": {"operator": [{"kind": "downsample", "factor": 2}], "noise": white(0.1)},
}


@cache
def gaussian_prior(side: int = SIDE) -> GaussianPrior:
    """Smooth textures: a power law that is flat below 0.06 cycles a pixel, of variance one."""
    f = torch.fft.fftfreq(side)
    spectrum = (f[:, None] ** 2 + f[None] ** 2 + 0.004) ** -1.25
    return GaussianPrior((spectrum / spectrum.mean())[None], torch.tensor([MEAN]))


def bound(model: dict, side: int = SIDE) -> Imaging:
    factor = 2 if "downsample" in str(model) else 1
    return ImagingModel.model_validate(model).bind((side // factor,) * 2)


@dataclass(frozen=True)
class Problem:
    imaging: Imaging
    y: Tensor


@cache
def problem(name: str) -> Problem:
    """One recorded image."""
    imaging = bound(MODELS[name])
    return Problem(imaging, imaging.simulate(gaussian_prior().draw(1, generator_of(1)), 2))


def exact(imaging: Imaging, y: Tensor) -> tuple[Tensor, Tensor]:
    """`m + S A^T (A S A^T + v)^-1 (y - A m)` and the diagonal of `S - S A^T (A S A^T + v)^-1 A S`."""
    shape = (1, *imaging.domain)
    each = torch.eye(shape[1] * shape[2]).reshape(-1, *shape)
    S = gaussian_prior(shape[1]).covary(each).flatten(1).double()
    A = imaging.apply(each).flatten(1).double().T
    seen = torch.isfinite(y)
    seen = (seen if imaging.observed is None else seen & imaging.observed).flatten()
    A, v = A[seen], float(imaging.noise.read_noise) ** 2
    K = S @ A.T @ torch.linalg.inv(A @ S @ A.T + v * torch.eye(len(A), dtype=torch.float64))
    mean = MEAN + K @ (y.flatten()[seen].double() - MEAN * A.sum(1))
    variance = (S - K @ A @ S).diagonal()
    return mean.float().reshape(shape), variance.float().reshape(shape)


def deviation(
    imaging: Imaging, y: Tensor, method: str, count: int, steps: int, **options
) -> tuple[float, float]:
    """Of `count` samples: the error of their mean beyond what their number explains, and their variance.

    Both in units of the exact posterior variance, over all pixels.
    """
    many = y.expand(count, *y.shape[1:]).clone()
    x = posterior.get(method).sample(
        gaussian_prior(), imaging, many, steps=steps, generator=generator_of(3), **options
    )
    mean, variance = exact(imaging, y)
    spread = x.var(0).mean()
    excess = (x.mean(0) - mean).square().mean() - spread / count
    return float(excess / variance.mean()), float(spread / variance.mean())


def errors(method: str, name: str, count: int, steps: int | None = None, **options) -> tuple[float, float]:
    """`deviation` for one of the four problems, with the method's own number of steps."""
    case = problem(name)
    return deviation(case.imaging, case.y, method, count, steps or posterior.get(method).steps, **options)
