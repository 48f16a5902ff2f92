"""Unconditional samples: what a prior believes images look like, as a picture to judge it by."""

from pathlib import Path

import numpy as np
import torch
from azula.sample import xEABSampler
from numpy.typing import NDArray
from torch import Tensor

from emdiff_app.diffusion import Prior
from emdiff_app.errors import PriorError
from emdiff_app.images.atomic import write_bytes

from .file import Preview, png

__all__ = ["contact_sheet", "draw_samples", "write_picture"]

GAP = 2


@torch.no_grad()
def draw_samples(prior: Prior, count: int = 8, side: int = 96, *, steps: int = 48, seed: int = 0) -> Tensor:
    """`(count, C, side, side)` from white noise along the probability flow `dx/ds = (x - D(x, s)) / s`.

    The same seed gives the same images. A prior that looks at neighbouring slices draws volumes, of which
    these are the middle ones.
    """
    neighbours = getattr(prior, "neighbours", 0)
    depth = (2 * neighbours + 1,) if neighbours else ()
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((count, prior.channels, *depth, side, side), generator=generator)
    largest = prior.schedule(torch.ones(()))[1]
    flow = xEABSampler(prior, steps=steps, silent=True)
    mean = torch.as_tensor(getattr(prior, "mean", 0.0)).reshape(-1, *[1] * (noise.ndim - 2))
    x: Tensor = flow(mean + largest * noise)
    return x[:, :, neighbours] if neighbours else x


def contact_sheet(images: Tensor, columns: int = 4) -> Preview:
    """The images side by side with one grey scale for all; colour where there are three channels."""
    shown = images if images.shape[1] == 3 else images[:, :1]
    low, high = np.percentile(shown.numpy(), (0.5, 99.8))
    grey = np.clip((shown.numpy() - low) / max(high - low, 1e-12), 0, 1)
    tiles = np.moveaxis((255 * grey + 0.5).astype(np.uint8), 1, -1)
    tiles = np.pad(tiles, ((0, -len(tiles) % columns), (0, GAP), (0, GAP), (0, 0)))
    rows = [np.concatenate(list(tiles[i : i + columns]), axis=1) for i in range(0, len(tiles), columns)]
    sheet: NDArray[np.uint8] = np.concatenate(rows)[:-GAP, :-GAP]
    return sheet[..., 0] if sheet.shape[-1] == 1 else sheet


def write_picture(path: Path, picture: Preview, *, overwrite: bool = False) -> None:
    """Write a PNG, whole or not at all."""
    write_bytes(path, png(picture), overwrite=overwrite, error=PriorError)
