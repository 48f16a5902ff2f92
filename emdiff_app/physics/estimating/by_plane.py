"""The noise of each plane by itself, where images were stretched one by one."""

from __future__ import annotations

from emdiff_app.errors import PhysicsError
from emdiff_app.images import Stack
from emdiff_app.physics.model import ImagingModel
from emdiff_app.physics.noise import NoiseSpec, PoissonGaussianNoise

from .noise import estimate_noise

__all__ = ["noise_by_plane"]


def noise_by_plane(
    stack: Stack, model: ImagingModel, answer: str = "auto", seed: int = 0
) -> dict[tuple[int, ...], NoiseSpec] | None:
    """The noise of each plane, measured; None where one noise holds for all.

    `answer` is yes, no or auto: then it is measured where nothing but a camera's noise happened to the images (blur
    removes the fine detail that noise is told from) and they look stretched.
    """
    noisy_only = not model.operator and isinstance(model.noise, PoissonGaussianNoise)
    if answer == "no" or (answer == "auto" and not noisy_only):
        return None
    try:
        estimate = estimate_noise(stack, per_image=answer == "yes" or None, repeats=False, seed=seed)
    except PhysicsError:
        if answer == "yes":
            raise
        return None
    if not estimate.stretched:
        return None
    return {tuple(index): estimate.model_for(index) for index in stack.plane_indices()}
