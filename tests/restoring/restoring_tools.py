"""What tests of restoring share: small priors that see a little around each pixel, and images."""

import numpy as np
import torch

from emdiff_app.diffusion import GaussianPrior, LearnedPrior
from emdiff_app.diffusion.network import Architecture
from emdiff_app.images import IntensityScale, PixelSize, stack_from_array
from emdiff_app.physics import ImagingModel
from emdiff_app.priors import Card, write_prior

SCALE = IntensityScale(offset=100, gain=200)
NOISE = ImagingModel.model_validate({"noise": {"kind": "gaussian", "sigma": 20}})
BLUR = {"kind": "blur", "psf": {"kind": "gaussian", "sigma_px": 1}}
BLURRED = ImagingModel.model_validate({"operator": [BLUR], "noise": {"kind": "gaussian", "sigma": 10}})
SIZES = {"Z": PixelSize(0.3), "Y": PixelSize(0.1), "X": PixelSize(0.1)}


def small_prior(channels=1, *, neighbours=0, variance=False, trained=True):
    """A network with random weights: not linear, and it looks around each pixel, but it restores nothing.

    Not `trained`, it is as networks begin: the best guess for pixels that know nothing of each other.
    """
    prior = LearnedPrior(
        "tiny",
        channels,
        0.4,
        0.5,
        neighbours=neighbours,
        variance=variance,
        architecture=Architecture((4, 8), (1, 1), (1,)),
    )
    generator = torch.Generator().manual_seed(0)
    for weight in prior.parameters() if trained else ():
        weight.data.normal_(std=0.15, generator=generator)
    return prior.eval().requires_grad_(False)


def write_small(path, model=NOISE, **arguments):
    prior = small_prior(**arguments)
    card = Card(size="tiny", channels=prior.channels, sigma_data=0.4, mean=0.5, scale=SCALE, model=model)
    write_prior(path, prior, card)
    return path


def gaussian_prior(side=64):
    """Smooth textures: a power law that is flat below 0.06 cycles a pixel, of standard deviation 0.4."""
    f = torch.fft.fftfreq(side)
    spectrum = (f[:, None] ** 2 + f[None] ** 2 + 0.004) ** -1.25
    return GaussianPrior((0.16 * spectrum / spectrum.mean())[None], torch.tensor([0.5]))


def squares(planes=3, height=40, width=50, sigma=20, seed=0):
    """Bright squares in noise, as the camera records them."""
    clean = np.full((planes, height, width), 150.0)
    clean[:, height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = 300
    return (clean + np.random.default_rng(seed).normal(0, sigma, clean.shape)).astype(np.float32)


def stack_of(array, axes="ZYX", **words):
    return stack_from_array(array, axes, pixel_size=SIZES, name="cells", **words)
