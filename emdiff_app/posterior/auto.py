"""The default: picks a method by the imaging model and says which and why."""

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging

from . import from_noise
from .condition import observed
from .guard import Report
from .registry import OnStep, get, register

__all__ = ["choose", "sample"]


def choose(imaging: Imaging, prior: Prior | None = None) -> tuple[str, str]:
    """The method's name and the reason for it; without a prior, as for one that knows noise maps."""
    if from_noise.fits(imaging, prior):
        return (
            "from-noise",
            "only noise was added, so the recorded image is where the reverse diffusion starts",
        )
    if from_noise.fits(imaging):
        return "spectral", "the noise depends on the light, and the prior was not trained with noise maps"
    return (
        "spectral",
        "the data are brought in by linear algebra, one network evaluation a step and no gradients",
    )


@register(
    "auto",
    equation="from-noise where only noise was added, else spectral",
    cost="1 network evaluation a step",
    gradients=False,
    steps=24,
)
@torch.no_grad()
def sample(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    *,
    steps: int = 24,
    generator: torch.Generator,
    on_step: OnStep | None = None,
    report: Report | None = None,
) -> Tensor:
    """Images with missing pixels among images without are drawn by the method for missing pixels.

    Both methods then run on the whole batch, from the same random numbers: what becomes of an image must not
    depend on its neighbours.
    """
    report = Report() if report is None else report
    report.method, report.reason = choose(imaging, prior)
    if report.method != "from-noise":
        return _run("spectral", prior, imaging, y, steps, generator, on_step, report)
    whole = observed(imaging, y).flatten(1).all(1)
    few = max(min(steps, get("from-noise").steps), 1)
    if bool(whole.all()):
        return _run("from-noise", prior, imaging, y, few, generator, on_step, report)
    if not bool(whole.any()):
        return _run("spectral", prior, imaging, y, steps, generator, on_step, report)
    state = generator.get_state()
    first, second = _in_a_row(on_step, steps, few)
    holes = _run("spectral", prior, imaging, y, steps, generator, first, report)
    generator.set_state(state)
    filled = torch.where(torch.isfinite(y), y, 0.0)
    clean = _run("from-noise", prior, imaging, filled, few, generator, second, report)
    return torch.where(whole.reshape(-1, *[1] * (y.ndim - 1)), clean, holes)


def _in_a_row(on_step: OnStep | None, first: int, second: int) -> tuple[OnStep | None, OnStep | None]:
    """`on_step` for two runs that to the caller are one."""
    if on_step is None:
        return None, None
    total = first + second
    return (
        lambda step, _, estimate: on_step(step, total, estimate),
        lambda step, _, estimate: on_step(first + step, total, estimate),
    )


def _run(
    name: str,
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    steps: int,
    generator: torch.Generator,
    on_step: OnStep | None,
    report: Report,
) -> Tensor:
    return get(name).sample(
        prior, imaging, y, steps=steps, generator=generator, on_step=on_step, report=report
    )
