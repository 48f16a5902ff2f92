"""Real widefield images learned from single noisy frames alone, beside what else can be done without clean ones.

`emdiff bench learn-denoise [5 15 45 ...] [classical] [noise2void] [ours] [channel-1] [DATA]`: the numbers are
minutes of learning; without words, everything, which takes three hours. With `--out FOLDER` a command adds its rows to
those that lie there already, of the same images; each has its date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.restoration import denoise_tv_chambolle
from torch import Tensor

from emdiff_app.baselines import best_of, restore_images
from emdiff_app.baselines.recorded import Recorded
from emdiff_app.baselines.stabilised import denoise_stabilised
from emdiff_app.diffusion import GaussianPrior, fit_gaussian
from emdiff_app.errors import EMDiffError
from emdiff_app.physics import Anscombe, GaussianNoise, Imaging, ImagingModel

from ._common.data import data_folder
from ._common.kept import digest, kept, program
from ._common.report import Report
from ._common.rows_files import with_earlier, write_csv
from ._common.words import Words
from ._learning.frames import Fields, affine_errors, noises, scored_row
from ._learning.recipes import DENOISE
from ._learning.runs import estimates, learned, say
from ._processes.noise2void import made_by, noise2void

__all__ = ["run"]

MINUTES = (5, 15, 45)
PARTS = ("classical", "noise2void", "ours")
CHANNELS = ("channel-0", "channel-1", "channel-2")
PART = 128
"""The Gaussian learns its spectrum from parts of this side."""
CLASSICAL: dict[str, tuple[str, dict[str, Any]]] = {
    "Gaussian blur, best width": ("gaussian-blur", {}),
    "non-local means after stabilisation, best strength": ("non-local-means", {}),
    "wavelet shrinkage after stabilisation": ("wavelet", {}),
    "total variation, best weight": ("tv", {"iterations": 100}),
    "BM3D after stabilisation": ("bm3d", {"strength": 1.0}),
    "BM3D after stabilisation, best strength": ("bm3d", {}),
}

TV = "total variation after stabilisation, best weight"
WIENER = "Wiener, spectrum learned from the noisy frames (Gaussian EM)"
TV_WEIGHTS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)

Row = dict[str, Any]


def run(report: Report) -> None:
    """One table."""
    words = Words(report.arguments)
    parts = words.among(PARTS) or PARTS
    channel = CHANNELS.index((*words.among(CHANNELS), CHANNELS[0])[0])
    minutes = words.numbers() or MINUTES
    fields = Fields(data_folder(("w2s",), words.rest()), channel)
    report.text(
        f"W2S widefield frames, channel {channel}: {len(fields.teaching)} noisy frames to learn from and "
        f"{len(fields.noisy)} others to score against the mean of 400 frames. Every file was stretched on its own, "
        "so each result is brought to the truth by the best gain and offset before it is scored (PSNR over the truth's "
        "range, SSIM). The noise of each frame was measured on that frame. *Best* settings were chosen on the truth, "
        "one for all fields."
    )
    rows: list[Row] = []
    if "classical" in parts:
        rows += classical(fields)
    if "noise2void" in parts:
        rows += _noise2void(fields, minutes)
    for time in minutes:
        if "ours" in parts:
            rows += _ours(fields, channel, time)
    file, about = report.out / "learn-denoise.csv", digest(fields.noisy, fields.clean, fields.teaching)
    rows = sorted(with_earlier(file, rows, about), key=_place)
    write_csv(file, [{**row, "about": about} for row in rows if row["psnr"] is not None])
    report.table(["", "PSNR", "SSIM", "", "made"], [_cells(row) for row in rows])
    _verdict(report, rows)


def classical(fields: Fields) -> list[Row]:
    """The recorded frames and all that needs no learning, or only a spectrum; each kept by itself."""
    rows = [_kept(fields, "as recorded", lambda: (fields.y, ""))]
    for title, (name, fixed) in CLASSICAL.items():

        def best(name: str = name, fixed: dict[str, Any] = fixed) -> tuple[Tensor, str]:
            found = best_of(name, fields.y, fields.truth, fields.imaging, errors=affine_errors, **fixed)
            return found.image, ", ".join(f"{k} {v:g}" for k, v in found.parameters.items())

        rows.append(_kept(fields, title, best))
    rows.append(_kept(fields, TV, lambda: stabilised_tv(fields)))
    rows.append(
        _kept(
            fields,
            WIENER,
            lambda: (restore_images("wiener", fields.y, fields.imaging, prior=gaussian(fields)), ""),
        )
    )
    rows.append(_kept(fields, f"{WIENER}, after stabilisation", lambda: stabilised_wiener(fields)))
    return rows


def stabilised_tv(fields: Fields) -> tuple[Tensor, str]:
    """Total variation of images whose noise has been made even, which suits a camera better than its own term."""
    recorded = Recorded(fields.y, fields.imaging)
    made = {w: denoise_stabilised(recorded, partial(denoise_tv_chambolle, weight=w)) for w in TV_WEIGHTS}
    best = min(made, key=lambda w: float(affine_errors(made[w], fields.truth).mean()))
    return made[best], f"weight {best:g}"


def gaussian(fields: Fields) -> GaussianPrior:
    """The stationary Gaussian fitted to parts of the noisy frames, each with its own noise."""
    bound = fields.model.bind((PART, PART))
    batches = [_tiles(plane) for plane in fields.teaching]
    models = [Imaging(bound.operator, noise.parameters()) for noise in noises(fields.teaching)]
    return fit_gaussian(models, batches, torch.Generator().manual_seed(0), rounds=8)


def stabilised_wiener(fields: Fields) -> tuple[Tensor, str]:
    """The same of images whose noise has been made even, which is what a Wiener filter is for."""
    white = ImagingModel(noise=GaussianNoise(sigma=1.0))
    pairs = zip(fields.teaching, noises(fields.teaching), strict=True)
    stable = [_tiles(Anscombe(noise).forward(plane.astype(np.float64))) for plane, noise in pairs]
    models = [white.bind((PART, PART))] * len(stable)
    prior = fit_gaussian(models, stable, torch.Generator().manual_seed(0), rounds=8)
    imaging = white.bind(fields.noisy.shape[1:])

    def denoise(plane: NDArray[np.float64]) -> NDArray[Any]:
        y = torch.from_numpy(plane).float()[None, None]
        return restore_images("wiener", y, imaging, prior=prior)[0, 0].numpy()

    return denoise_stabilised(Recorded(fields.y, fields.imaging), denoise), ""


def _tiles(plane: NDArray[Any]) -> Tensor:
    whole = torch.from_numpy(plane).float()
    tiles = whole.unfold(0, PART, 2 * PART).unfold(1, PART, 2 * PART)
    return tiles.reshape(-1, 1, PART, PART).contiguous()


def _kept(fields: Fields, title: str, make: Callable[[], tuple[Tensor, str]]) -> Row:
    """A row, made or found."""
    source = program(*(("diffusion",) if title.startswith("Wiener") else ()), "physics", "baselines")
    settings = [repr(CLASSICAL.get(title)), [noise.model_dump() for noise in fields.noises]]
    content = digest(fields.noisy, fields.clean, fields.teaching, title, settings, source)

    def compute() -> Row:
        images, words = make()
        say(f"{title}: done")
        return scored_row(title, images, fields.truth, words)

    try:
        return kept("denoise", content, compute)
    except EMDiffError as error:
        return _not_made(title, error)


def _not_made(title: str, error: EMDiffError) -> Row:
    """It is tried again the next time."""
    return {"title": title, "psnr": None, "ssim": None, "words": str(error), "made": ""}


def _noise2void(fields: Fields, minutes: Sequence[float]) -> list[Row]:
    """One training for the longest time, looked at after each of the others."""
    times, threads = sorted(minutes), torch.get_num_threads()
    titles = [f"Noise2Void (CAREamics), {time:g} minutes" for time in times]

    def rows() -> dict[str, Any]:
        made = noise2void(fields.teaching, fields.noisy, times, threads)
        return {
            title: scored_row(title, torch.from_numpy(images)[:, None], fields.truth, words)
            for title, (images, words) in zip(titles, made, strict=True)
        }

    try:
        content = digest(fields.noisy, fields.clean, fields.teaching, titles, threads, made_by())
        return list(kept("denoise", content, rows).values())
    except EMDiffError as error:
        return [_not_made(title, error) for title in titles]


def _ours(fields: Fields, channel: int, minutes: float) -> list[Row]:
    run = learned(f"denoise-{channel}-{minutes:g}", fields.teaching, fields.model, DENOISE, minutes=minutes)
    title = f"EMDiff, {minutes:g} minutes"

    def rows() -> dict[str, Any]:
        made = estimates(run.prior, fields.model, fields.y, noises=fields.noises, batch=1)
        images = {
            "one sample": (made.sample, run.words),
            "mean of samples": (made.of_samples, f"chi2 {made.chi2:.2f}"),
            "its estimate": (made.mean, made.way),
        }
        return {name: scored_row(f"{title}, {name}", x, fields.truth, w) for name, (x, w) in images.items()}

    content = digest(fields.noisy, fields.clean, Path(run.folder).name, program())
    return list(kept("denoise-ours", content, rows).values())


def _place(row: Row) -> tuple[int, float, int]:
    """Where a row stands: what needs no learning, then Noise2Void, then ours, each by its minutes."""
    title = row["title"]
    known = ["as recorded", *CLASSICAL, TV, WIENER]
    if found := re.search(r", ([\d.]+) minutes", title):
        parts = [title.endswith(end) for end in ("one sample", "mean of samples", "its estimate")]
        return 2 if title.startswith("EMDiff") else 1, float(found[1]), parts.index(True) if any(parts) else 0
    return 0, known.index(title) if title in known else len(known), 0


def _cells(row: Row) -> list[str]:
    figures = ("-", "-") if row["psnr"] is None else (f"{row['psnr']:.2f}", f"{row['ssim']:.3f}")
    return [row["title"], *figures, row["words"], row["made"]]


def _verdict(report: Report, rows: list[Row]) -> None:
    """Ours against everything else, minute by minute."""
    figures = {row["title"]: row["psnr"] for row in rows if row["psnr"] is not None}
    others = {title: value for title, value in figures.items() if not title.startswith("EMDiff")}
    wanted = ("mean of samples", "its estimate")
    ours = {title: value for title, value in figures.items() if title.endswith(wanted)}
    if not ours or not others:
        return
    lines = []
    for title, value in ours.items():
        ahead = [name for name, other in others.items() if other >= value]
        gap = value - max(others.values())
        lines.append((title, f"{value:.2f}", f"{gap:+.2f}", "; ".join(ahead) or "nothing"))
    report.table(["", "PSNR", "above the best of the others, dB", "of these, as good or better"], lines)
    if not any(title.startswith("Noise2Void") for title in others):
        report.text("Noise2Void was not part of this command.")
