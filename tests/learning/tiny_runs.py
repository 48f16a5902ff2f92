"""Runs that take a second or two and learn next to nothing, and what to ask of them afterwards."""

import numpy as np
import torch

from emdiff_app.images import save_stack, stack_from_array
from emdiff_app.learning import Recipe, RunFolder
from emdiff_app.physics import GaussianNoise, ImagingModel, PoissonGaussianNoise
from emdiff_app.priors import read_prior

GAUSSIAN = ImagingModel(noise=GaussianNoise(sigma=5.0))
CAMERA = ImagingModel(noise=PoissonGaussianNoise(offset=0.0, gain=2.0, read_noise=2.0))
BLURRED = ImagingModel.model_validate(
    {
        "operator": [{"kind": "blur", "psf": {"kind": "gaussian", "fwhm_px": 2.0}}],
        "noise": {"kind": "gaussian", "sigma": 5.0},
    }
)
TINY = {
    "size": "tiny",
    "rounds": 1,
    "crops": 16,
    "crop": 16,
    "held_out": 1,
    "batch": 2,
    "first_steps": 8,
    "hidden_steps": 8,
    "neighbour_steps": 8,
    "denoising_steps": 8,
    "steps": 8,
    "sampler_steps": 2,
    "gaussian_rounds": 2,
    "precision": "float32",
    "device": "cpu",
}


def write_spots(path, seed=0, **known):
    """Two planes of bright spots with noise."""
    rng = np.random.default_rng(seed)
    spots = (rng.random((2, 64, 64)) > 0.95) * 200.0 + 100
    noisy = (spots + 5 * rng.standard_normal(spots.shape)).astype(np.float32)
    save_stack(stack_from_array(noisy, "ZYX", name=path.stem, **known), path, overwrite=True)
    return path


def make_run(folder, name="run", **changes):
    stack = folder / "spots.tif"
    if not stack.exists():
        write_spots(stack)
    return RunFolder.create(
        folder / name, Recipe(**{"stacks": (str(stack),), "model": GAUSSIAN, **TINY, **changes})
    )


def told(run, kind=None):
    """The events so far, or those of one kind."""
    return [e for e in run.follower().read() if kind in (None, e.kind)]


def same_weights(one, other):
    """Whether two runs have made the same prior, bit for bit."""
    pairs = zip(*(list(read_prior(run.prior)[0].parameters()) for run in (one, other)), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
