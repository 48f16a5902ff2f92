"""Real widefield images learned from single noisy frames alone, beside what else can be done without clean ones.

`emdiff bench learn-denoise [5 15 45 ...] [classical] [noise2void] [ours] [channel-1] [DATA]`: the numbers are
minutes of learning; without words, everything, which takes three hours. With `--out FOLDER` a command adds its rows to
those that lie there already, of the same images; each has its date.
"""

from __future__ import annotations

import datetime
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
from emdiff_app.images import open_stack, stack_from_array
from emdiff_app.images.score import fit_affine, psnr, ssim
from emdiff_app.physics import Imaging, ImagingModel, NoiseSpec, bind_noise, estimate_noise

from ._common.data import data_folder
from ._common.kept import digest, kept, program
from ._common.report import Report
from ._common.rows_files import with_earlier, write_csv
from ._common.words import Words
from ._learning.recipes import DENOISE
from ._learning.runs import estimates, learned, say
from ._processes.noise2void import made_by, noise2void

__all__ = ["Fields", "affine_errors", "run", "scored_row"]

MINUTES = (5, 15, 45)
TEACHING, SCORED = 24, 6
"""Fields 1 to 24 to learn from, 25 to 30 to score."""
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
TV_WEIGHTS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)

Row = dict[str, Any]


class Fields:
    """The noisy frames, their truth, and the noise of each as the frame itself shows it."""

    def __init__(self, data: Path, channel: int) -> None:
        names = sorted((data / "w2s" / "noisy").glob(f"*_{channel}.tif"))
        teaching, scored = names[:TEACHING], names[TEACHING : TEACHING + SCORED]
        self.teaching = _planes(teaching)
        self.noisy = _planes(scored)
        self.clean = _planes([data / "w2s" / "clean" / path.name for path in scored])
        self.noises = noises(self.noisy)
        self.model = ImagingModel(noise=noises(self.teaching[:1])[0])

    @property
    def y(self) -> Tensor:
        return torch.from_numpy(self.noisy)[:, None].float()

    @property
    def truth(self) -> Tensor:
        return torch.from_numpy(self.clean)[:, None].float()

    @property
    def imaging(self) -> Imaging:
        plain = self.model.bind(self.noisy.shape[1:])
        return Imaging(plain.operator, bind_noise(self.noises))


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


def affine_errors(made: Tensor, truth: Tensor) -> Tensor:
    """The mean square error of each image after the best gain and offset."""
    pairs = zip(made[:, 0].numpy(), truth[:, 0].numpy(), strict=True)
    return torch.tensor([float(np.mean((fit_affine(a, b) - b) ** 2)) for a, b in pairs])


def noises(planes: NDArray[Any]) -> list[NoiseSpec]:
    """The noise of each plane, measured on it alone."""
    return [estimate_noise(stack_from_array(plane, "YX"), repeats=False).model for plane in planes]


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
            "Wiener, spectrum learned from the noisy frames (Gaussian EM)",
            lambda: (restore_images("wiener", fields.y, fields.imaging, prior=gaussian(fields)), ""),
        )
    )
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
    batches, models = [], []
    for plane, noise in zip(fields.teaching, noises(fields.teaching), strict=True):
        whole = torch.from_numpy(plane).float()
        tiles = whole.unfold(0, PART, 2 * PART).unfold(1, PART, 2 * PART).reshape(-1, 1, PART, PART)
        batches.append(tiles.contiguous())
        models.append(Imaging(bound.operator, noise.parameters()))
    return fit_gaussian(models, batches, torch.Generator().manual_seed(0), rounds=8)


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


def scored_row(title: str, made: Tensor, truth: Tensor, words: str = "") -> Row:
    pairs = [(fit_affine(a, b), b) for a, b in zip(made[:, 0].numpy(), truth[:, 0].numpy(), strict=True)]
    return {
        "title": title,
        "psnr": float(np.mean([psnr(a, b) for a, b in pairs])),
        "ssim": float(np.mean([ssim(a, b, data_range=float(np.ptp(b))) for a, b in pairs])),
        "words": words,
        "made": datetime.date.today().isoformat(),
    }


def _place(row: Row) -> tuple[int, float, int]:
    """Where a row stands: what needs no learning, then Noise2Void, then ours, each by its minutes."""
    title = row["title"]
    known = ["as recorded", *CLASSICAL, TV]
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


def _planes(paths: list[Path]) -> NDArray[Any]:
    planes = []
    for path in paths:
        with open_stack(path) as stack:
            planes.append(stack.plane(next(iter(stack.plane_indices()))))
    return np.stack(planes)
