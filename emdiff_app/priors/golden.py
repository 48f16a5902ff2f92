"""`python -m emdiff_app.priors.golden`: make the golden files of the present format and network.

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
NETWORKS = {
    "plane": UNetArguments(channels=2, widths=(4, 8), down=(1, 2), up=(1,)),
    "slices": UNetArguments(channels=1, widths=(4, 8), down=(0, 1), up=(2,), neighbours=1, variance=True),
}
"""The smallest networks that have every kind of layer between them."""
LEVELS = (0.02, 0.1, 0.5, 3.0)


def probe(channels: int) -> Tensor:
    """A volume written down as a formula, so that it is the same for ever."""
    z, y, x = np.mgrid[0:3, 0:23, 0:30] / 7
    waves = [np.sin((3 + c) * y + z) * np.cos(2 * x + c) + 0.2 * np.sin(40 * x * y) for c in range(channels)]
    return torch.from_numpy(np.stack(waves)[None].astype(np.float32))


@torch.no_grad()
def answers(prior: LearnedPrior) -> dict[str, Tensor]:
    """What the network makes of the probe: at one level for the image, and at one for each pixel."""
    volume = probe(prior.channels)
    ramp = torch.linspace(0.01, 1.0, volume.shape[-1]).expand(1, 1, *volume.shape[2:])
    found = {f"level {level:g}": prior.denoise(volume, level) for level in LEVELS}
    found["map"] = prior.denoise(volume, ramp)
    if prior.variance:
        found["variance"] = prior.denoise_with_variance(volume, LEVELS[1])[1]
    return found


def make_golden(folder: Path) -> list[Path]:
    """Write the files and what their networks compute into `folder`; an older one is never replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for kind, arguments in NETWORKS.items():
        path = folder / f"v{SCHEMA}-{UNET[0]}-{UNET[1]}-{kind}.emprior"
        if path.exists():
            print(f"{path} exists and stays: a golden file is made once.")
            continue
        _write(path, _network(arguments))
        made.append(path)
    return made


def _write(path: Path, prior: LearnedPrior) -> None:
    y, x = np.mgrid[-4:5, -4:5]
    bead = np.exp(-(y**2 + x**2) / 4).astype(np.float32)
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
    write_prior(path, prior, card, preview=contact_sheet(probe(prior.channels)[:, :, 1]))
    expected = {name: answer.numpy() for name, answer in answers(read_prior(path)[0]).items()}
    with path.with_suffix(".npz").open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **expected)


@torch.no_grad()
def _network(arguments: UNetArguments) -> LearnedPrior:
    """A network whose weights are all random: zeros would hide what is wrong."""
    prior = build(arguments, 0.7, 0.1, "golden")
    generator = torch.Generator().manual_seed(20)
    for weight in prior.parameters():
        weight.normal_(std=weight[0].numel() ** -0.5, generator=generator)
    return prior


if __name__ == "__main__":
    for made in make_golden(Path(sys.argv[1] if len(sys.argv) > 1 else "resources/golden")):
        print(made)
