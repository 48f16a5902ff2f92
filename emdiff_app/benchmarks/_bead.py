"""The microscope model beside the picture of a bead: widths in a table, sections and profiles in a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app.errors import EMDiffError
from emdiff_app.images import open_stack, save_stack, stack_from_array
from emdiff_app.physics import MicroscopePsf
from emdiff_app.physics.psf import fwhm
from emdiff_app.physics.psf.fitting import bead_image, fit_bead

from ._common.report import Report

__all__ = ["compare_bead"]

PIXEL_UM = (0.3, 0.13, 0.13)
NOMINAL = MicroscopePsf(na=0.85, wavelength_nm=520)
ZOOM = 8
HEIGHT = 200


def compare_bead(report: Report, path: Path) -> None:
    """Fit the bead in the file and show it beside the model of the nominal and of the fitted aperture."""
    with open_stack(path) as stack:
        image = stack.numpy().squeeze()
    if image.ndim != 3:
        raise EMDiffError(f"{path} is no volume; give the Z stack of one bead.")
    fit = fit_bead(image, NOMINAL, PIXEL_UM)
    shape = fit.measured.shape
    nominal = bead_image(NOMINAL, PIXEL_UM, shape, fit.bead_um)
    point = bead_image(NOMINAL, PIXEL_UM, shape, 0.0)
    report.text("## The microscope model beside a measured bead")
    report.text(
        f"`{path.name}`: NA {NOMINAL.na:g}, air, {NOMINAL.wavelength_nm:g} nm, {PIXEL_UM[1] * 1000:.0f} nm pixels, "
        f"planes {PIXEL_UM[0] * 1000:.0f} nm apart. Least squares give an effective NA of {fit.psf.na:.3f} "
        f"and a bead of {fit.bead_um * 1000:.0f} nm. FWHM in nm, of what stands above the background."
    )
    report.table(
        ["", "lateral (Y, X)", "axial", "lateral against measured", "axial against measured"],
        [
            _widths("measured bead", fit.measured, fit.measured),
            _widths(f"model, NA {fit.psf.na:.3f}, with the bead's size", fit.model, fit.measured),
            _widths("model, NA 0.85, with the bead's size", nominal, fit.measured),
            _widths("model, NA 0.85, a point", point, fit.measured),
        ],
    )
    report.text(
        "Across, the nominal aperture explains the bead; along Z the bead is longer. It is bent and has fringes on one "
        "side only, which a perfect lens has not; a smaller effective aperture describes it, whatever the cause. "
        '`emdiff psf --bead` measures it, and `{"kind": "image"}` uses the bead itself.'
    )
    picture = report.picture(
        "psf-bead.png", "Measured bead, model of the effective and of the nominal aperture"
    )
    report.text(
        "From left to right: measured, model of the effective NA, model of the nominal NA; above in focus, below the "
        "section along Z; brightness is the square root of the light. The curves are the profiles through the middle, "
        "across (left) and along Z (right): measured white, effective NA green, nominal NA orange; "
        "the line is half of the peak."
    )
    canvas = _canvas([fit.measured, fit.model, nominal])
    save_stack(stack_from_array(canvas, "YXS"), picture, overwrite=True)


def _widths(name: str, image: NDArray[np.float64], measured: NDArray[np.float64]) -> list[object]:
    own, other = ([fwhm(i, a) * p * 1000 for a, p in enumerate(PIXEL_UM)] for i in (image, measured))
    across, across_measured = (own[1] + own[2]) / 2, (other[1] + other[2]) / 2
    return [
        name,
        f"{own[1]:.0f}, {own[2]:.0f}",
        f"{own[0]:.0f}",
        f"{across / across_measured - 1:+.0%}",
        f"{own[0] / other[0] - 1:+.0%}",
    ]


def _canvas(images: list[NDArray[np.float64]]) -> NDArray[np.uint8]:
    columns = []
    for image in images:
        z, y, _ = np.unravel_index(int(image.argmax()), image.shape)
        tall = round(ZOOM * PIXEL_UM[0] / PIXEL_UM[1])
        views = [np.kron(image[z], np.ones((ZOOM, ZOOM))), np.kron(image[:, y], np.ones((tall, ZOOM)))]
        shown = [np.sqrt(np.clip(v / image.max(), 0, 1)) * 255 for v in views]
        columns.append(np.pad(np.concatenate([np.pad(s, 2) for s in shown]), ((0, 0), (2, 2))))
    pictures = np.concatenate(columns, 1)
    width = pictures.shape[1] // 2
    colours = [(255, 255, 255), (80, 220, 120), (255, 160, 40)]
    plots = np.concatenate([_plot(images, colours, axis, width) for axis in (2, 0)], 1)
    plots = np.pad(plots, ((0, 0), (0, pictures.shape[1] - plots.shape[1]), (0, 0)))
    return np.concatenate([np.repeat(pictures[..., None], 3, 2), plots]).astype(np.uint8)


def _plot(
    images: list[NDArray[np.float64]], colours: list[Any], axis: int, width: int
) -> NDArray[np.float64]:
    from skimage.draw import line

    canvas = np.zeros((HEIGHT, width, 3))
    canvas[HEIGHT // 2] = 60  # half of the maximum
    for image, colour in zip(images, colours, strict=True):
        peak = np.unravel_index(int(image.argmax()), image.shape)
        index: tuple[Any, ...] = tuple(slice(None) if a == axis else p for a, p in enumerate(peak))
        profile = image[index] / image.max()
        x = np.linspace(4, width - 5, len(profile)).astype(int)
        y = ((1 - profile) * (HEIGHT - 9) + 4).astype(int)
        for i in range(len(x) - 1):
            rows, columns = line(y[i], x[i], y[i + 1], x[i + 1])
            canvas[rows, columns] = canvas[np.minimum(rows + 1, HEIGHT - 1), columns] = colour
    return canvas
