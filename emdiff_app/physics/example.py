"""The example that ships with the program: synthetic cells, blurred and photon-noisy, and their truth.

Everything is drawn by this file, so that nobody's data is copied:
`python -m emdiff_app.physics.example resources/example` makes the shipped files anew.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.images import PixelSize, Stack, save_stack, stack_from_array

from .model import ImagingModel

__all__ = ["draw_cells", "example_model", "write_example"]

PLANES, SIDE, PIXEL_UM = 12, 256, 0.1
HAZE = 8.0
"""Photons at every pixel from what is out of focus."""


def example_model() -> ImagingModel:
    """A blur a little wider than twice the pixel, and a camera with few photons."""
    return ImagingModel.model_validate(
        {
            "operator": [{"kind": "blur", "psf": {"kind": "gaussian", "fwhm_um": 0.4}}],
            "noise": {"kind": "poisson-gaussian", "offset": 100, "gain": 2.0, "read_noise": 2.0},
        }
    )


def draw_cells(rng: np.random.Generator, side: int = SIDE) -> NDArray[Any]:
    """One field of view, in mean photons: cells that lie over each other, vesicles, and the light of what is out of
    focus."""
    image = np.full((side, side), HAZE)
    for _ in range(rng.integers(26, 34)):
        image = _cell(image, rng)
    return image + _vesicles(rng, side, int(rng.integers(30, 50)))


def _cell(image: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Put a cell, with its membrane and its nucleus, over what is there already."""
    side = len(image)
    centre = rng.uniform(-10, side + 10, 2)
    radii, turn, light = rng.uniform(22, 40, 2), rng.uniform(0, np.pi), HAZE + rng.uniform(1, 9)
    depth = _depth(side, centre, radii, turn)
    membrane = np.where(depth > -1, np.clip(1.5 - np.abs(depth - 1), 0, 1), 0)
    image = _over(image, light, depth) + rng.uniform(9, 16) * membrane
    nucleus = _depth(side, centre + rng.uniform(-4, 4, 2), 0.42 * radii, turn)
    return _over(image, light + rng.uniform(6, 16), nucleus)


def _depth(side: int, centre: NDArray[Any], radii: NDArray[Any], turn: float) -> NDArray[Any]:
    """How many pixels each place lies within the border of an ellipse, about; below 0 outside."""
    rows, columns = np.mgrid[:side, :side] - centre[:, None, None]
    along = (rows * np.cos(turn) + columns * np.sin(turn)) / radii[0]
    across = (columns * np.cos(turn) - rows * np.sin(turn)) / radii[1]
    depth: NDArray[Any] = (1 - np.hypot(along, across)) * radii.min()
    return depth


def _over(image: NDArray[Any], light: float, depth: NDArray[Any]) -> NDArray[Any]:
    """`light` where the depth is positive, with a border of one pixel."""
    share = np.clip(depth + 0.5, 0, 1)
    return image * (1 - share) + share * light


def _vesicles(rng: np.random.Generator, side: int, count: int) -> NDArray[Any]:
    """Small discs of different brightness."""
    image = np.zeros((side, side))
    for _ in range(count):
        radius = rng.uniform(1.3, 3.2) * np.ones(2)
        depth = _depth(side, rng.uniform(0, side, 2), radius, 0.0)
        image += rng.uniform(9, 32) * np.clip(depth + 0.5, 0, 1)
    return image


def write_example(folder: Path, seed: int = 20) -> None:
    """Write `truth.tif`, `recorded.tif` and `model.json`."""
    import torch

    model = example_model()
    noise = model.noise
    rng = np.random.default_rng(seed)
    photons = np.stack([draw_cells(rng) for _ in range(PLANES)])
    truth = (photons * noise.gain + noise.offset).astype(np.float32)  # type: ignore[union-attr]
    size = {axis: PixelSize(PIXEL_UM) for axis in "YX"}
    imaging = None
    recorded = np.empty(truth.shape, np.uint16)
    for number, plane in enumerate(truth):
        x = torch.from_numpy(np.pad(plane, _margin(model, size), mode="reflect"))[None, None]
        imaging = model.bind((SIDE, SIDE), pixel_size=size)
        y = imaging.simulate(x, torch.Generator().manual_seed(seed + number))
        recorded[number] = y[0, 0].round().clamp(0, 65535).numpy()
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("recorded", recorded), ("truth", np.round(truth).astype(np.uint16))):
        save_stack(_stack(array, name, size), folder / f"{name}.tif", overwrite=True, compression="zlib")
    model.write(folder / "model.json")


def _stack(array: NDArray[Any], name: str, size: dict[str, PixelSize]) -> Stack:
    return stack_from_array(array, "TYX", pixel_size={**size, "T": PixelSize(1.0, "s")}, name=name)


def _margin(model: ImagingModel, size: dict[str, PixelSize]) -> list[tuple[int, int]]:
    """How far beyond the recorded field the optics look."""
    domain = model.bind((SIDE, SIDE), pixel_size=size).domain
    return [((d - SIDE) // 2, d - SIDE - (d - SIDE) // 2) for d in domain]


if __name__ == "__main__":
    write_example(Path(sys.argv[1]))
