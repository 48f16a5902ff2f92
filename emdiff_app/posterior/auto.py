"""The default: picks a method by the imaging model and says which and why."""

import torch
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.physics import Imaging

from . import from_noise
from .guard import Report
from .registry import OnStep, get, register

__all__ = ["choose", "sample", "steps_for"]


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


def steps_for(imaging: Imaging, prior: Prior | None = None) -> int:
    """How many steps are enough: only missing pixels need many."""
    return get("auto" if imaging.observed is not None else choose(imaging, prior)[0]).steps


@register(
    "auto",
    equation="from-noise where only noise was added, else spectral",
    cost="1 network evaluation a step; 12 steps for noise, 16 for blur, 64 for missing pixels",
    gradients=False,
    steps=64,
)
@torch.no_grad()
def sample(
    prior: Prior,
    imaging: Imaging,
    y: Tensor,
    *,
    steps: int = 64,
    generator: torch.Generator,
    on_step: OnStep | None = None,
    report: Report | None = None,
) -> Tensor:
    """At most so many steps: only missing pixels need them all.

    With images with missing pixels among images without, both ways are gone with the whole batch, from the same
    random numbers: what becomes of an image must not depend on its neighbours.
    """
    report = Report() if report is None else report
    report.method, report.reason = choose(imaging, prior)
    few = max(min(steps, get(report.method).steps), 1)
    whole = imaging.seen(y).flatten(1).all(1)
    if bool(whole.all()):
        return _run(report.method, prior, imaging, y, few, generator, on_step, report)
    if not bool(whole.any()):
        return _run("spectral", prior, imaging, y, steps, generator, on_step, report)
    state = generator.get_state()
    first, second = _in_a_row(on_step, steps, few)
    holes = _run("spectral", prior, imaging, y, steps, generator, first, report)
    generator.set_state(state)
    filled = torch.where(torch.isfinite(y), y, 0.0)
    clean = _run(report.method, prior, imaging, filled, few, generator, second, report)
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
