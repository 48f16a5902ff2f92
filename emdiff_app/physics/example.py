"""The example that ships with the program: synthetic cells, blurred and photon-noisy, and their truth.

Everything is drawn by this file, so that nobody's data is copied:
`python -m emdiff_app.physics.example resources/example` makes the shipped files anew.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from emdiff_app.images import PixelSize, Stack, save_stack, stack_from_array

from .model import ImagingModel

__all__ = ["draw_cells", "example_model", "write_example"]

PLANES, SIDE, PIXEL_UM = 12, 256, 0.1


def example_model() -> ImagingModel:
    """A blur a little wider than twice the pixel, and a camera with few photons."""
    return ImagingModel.model_validate(
        {
            "operator": [{"kind": "blur", "psf": {"kind": "gaussian", "fwhm_um": 0.4}}],
            "noise": {"kind": "poisson-gaussian", "offset": 100, "gain": 2.0, "read_noise": 2.0},
        }
    )


def draw_cells(rng: np.random.Generator, side: int = SIDE) -> NDArray[Any]:
    """One field of view: filaments, vesicles and a textured nucleus, in mean photons."""
    image = np.full((side, side), 2.0)
    for _ in range(rng.integers(2, 4)):
        image += _nucleus(rng, side)
    image += 55 * _filaments(rng, side, int(rng.integers(22, 34)))
    image += _vesicles(rng, side, int(rng.integers(40, 80)))
    return image


def _filaments(rng: np.random.Generator, side: int, count: int) -> NDArray[Any]:
    """Smooth random walks, one pixel wide."""
    drawn = np.zeros((2 * side, 2 * side))
    for _ in range(count):
        steps = 6 * side
        turn = ndimage.gaussian_filter1d(rng.normal(0, 1.2, steps), 60) * 0.2
        angle = rng.uniform(0, 2 * np.pi) + np.cumsum(turn)
        at = rng.uniform(0, 2 * side, 2)[:, None] + np.cumsum([np.sin(angle), np.cos(angle)], axis=1) * 0.7
        inside = ((at >= 0) & (at < 2 * side - 1)).all(0)
        rows, columns = at[:, inside].astype(int)
        drawn[rows, columns] += rng.uniform(0.5, 1.0)
    thin = np.minimum(ndimage.gaussian_filter(drawn, 1.2) * 3.2, 1.5)
    return thin.reshape(side, 2, side, 2).mean(axis=(1, 3))


def _vesicles(rng: np.random.Generator, side: int, count: int) -> NDArray[Any]:
    """Small discs of different brightness."""
    rows, columns = np.mgrid[:side, :side]
    image = np.zeros((side, side))
    for _ in range(count):
        y, x = rng.uniform(0, side, 2)
        radius = rng.uniform(1.3, 3.2)
        distance = np.hypot(rows - y, columns - x)
        image += rng.uniform(25, 90) * np.clip(radius - distance + 0.5, 0, 1)
    return image


def _nucleus(rng: np.random.Generator, side: int) -> NDArray[Any]:
    """A soft-edged ellipse with a granular texture."""
    rows, columns = np.mgrid[:side, :side]
    y, x = rng.uniform(0.1 * side, 0.9 * side, 2)
    a, b = rng.uniform(0.09 * side, 0.17 * side, 2)
    t = rng.uniform(0, np.pi)
    u = ((rows - y) * np.cos(t) + (columns - x) * np.sin(t)) / a
    v = ((columns - x) * np.cos(t) - (rows - y) * np.sin(t)) / b
    inside = np.clip((1 - np.hypot(u, v)) * min(a, b) / 1.5, 0, 1)
    grain = ndimage.gaussian_filter(rng.normal(size=(side, side)), 2.0)
    texture = np.clip(1 + 0.9 * grain / grain.std(), 0.15, None)
    return rng.uniform(14, 30) * inside * texture


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
