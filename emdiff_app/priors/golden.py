"""`python -m emdiff_app.priors.golden`: make the golden file of the present format and network.

A golden file is made once, when a format or a network is new, and stays in the tests for ever: a program
that cannot read it, or computes anything else from it, has broken somebody's work.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emdiff_app.diffusion import LearnedPrior
from emdiff_app.images import IntensityScale
from emdiff_app.physics import ImagingModel

from .architectures import UNET, UNetArguments
from .card import SCHEMA, Card, Training
from .file import read_prior, write_prior
from .samples import contact_sheet
from .weights import build

__all__ = ["answers", "make_golden", "probe"]

MODEL = {
    "operator": [{"kind": "blur", "psf": {"kind": "image", "path": "bead", "pixel_size_um": 0.1}}],
    "noise": {"kind": "poisson-gaussian", "offset": 100, "gain": 2.2, "read_noise": 1.6},
}
LEVELS = (0.02, 0.1, 0.5, 3.0)


def probe(channels: int) -> Tensor:
    """A picture written down as a formula, so that it is the same for ever."""
    y, x = np.mgrid[0:23, 0:30] / 7
    waves = [np.sin((3 + c) * y) * np.cos(2 * x + c) + 0.2 * np.sin(40 * x * y) for c in range(channels)]
    return torch.from_numpy(np.stack(waves)[None].astype(np.float32))


def answers(prior: LearnedPrior) -> dict[str, Tensor]:
    """What the network makes of the probe: one level for the image, and one for each pixel."""
    picture = probe(prior.channels)
    ramp = torch.linspace(0.01, 1.0, picture.shape[-1]).expand(1, 1, *picture.shape[2:])
    found = {f"level {level:g}": prior.denoise(picture, level) for level in LEVELS}
    return {**found, "map": prior.denoise(picture, ramp)}


@torch.no_grad()
def make_golden(folder: Path) -> Path:
    """Write the file and what it computes into `folder`; an older one is never replaced."""
    path = folder / f"v{SCHEMA}-{UNET[0]}-{UNET[1]}.emprior"
    if path.exists():
        raise SystemExit(f"{path} exists and stays: a golden file is made once.")
    y, x = np.mgrid[-4:5, -4:5]
    bead = np.exp(-(y**2 + x**2) / 4).astype(np.float32)
    prior = _network()
    card = Card(
        size="golden",
        channels=prior.channels,
        sigma_data=prior.sigma_data,
        mean=prior.mean,
        scale=IntensityScale(offset=100, gain=55.5),
        pixel_size_um={"Y": 0.108, "X": 0.108},
        model=ImagingModel.model_validate(MODEL).enclosing({"bead": bead}),
        training=Training(images=("golden.tif",), crops=64, rounds=2, held_out=(-1.25, -1.5)),
        name="Golden",
        author="EMDiff developers",
        licence="CC0-1.0",
    )
    write_prior(path, prior, card, preview=contact_sheet(probe(prior.channels)))
    expected = {name: answer.numpy() for name, answer in answers(read_prior(path)[0]).items()}
    with path.with_suffix(".npz").open("xb") as file:
        np.savez(file, allow_pickle=False, **expected)
    return path


def _network() -> LearnedPrior:
    """The smallest network with every kind of layer, its weights random: zeros would hide what is wrong."""
    prior = build(UNetArguments(channels=2, widths=(4, 8), blocks=(1, 2)), 0.7, 0.1, "golden")
    generator = torch.Generator().manual_seed(20)
    for weight in prior.parameters():
        weight.normal_(std=weight[0].numel() ** -0.5, generator=generator)
    return prior


if __name__ == "__main__":
    print(make_golden(Path(sys.argv[1] if len(sys.argv) > 1 else "resources/golden")))
