"""Real microscopy: noisy frames of three channels, and mitochondria under a measured PSF at four light levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emdiff_app.baselines import best_of, restore_images
from emdiff_app.baselines.learners import LEARNERS, Training
from emdiff_app.benchmarks._common.data import crops_of
from emdiff_app.benchmarks._common.drawing import lines
from emdiff_app.benchmarks._common.kept import bench_folder, digest, kept_or_again, program
from emdiff_app.benchmarks._common.metrics import mean_psnr, mean_ssim
from emdiff_app.benchmarks._common.report import Report
from emdiff_app.benchmarks._common.rows_files import write_csv
from emdiff_app.benchmarks._learning.frames import Fields, affine_errors, scored_row
from emdiff_app.benchmarks._learning.runs import estimates, learned, say
from emdiff_app.diffusion import Batch, fit_gaussian
from emdiff_app.diffusion.device import device_for
from emdiff_app.errors import EMDiffError
from emdiff_app.images import open_stack, save_stack, stack_from_array
from emdiff_app.physics import ImagingModel

from .draws import draws
from .priors import prior_of
from .published import Asked
from .size import OURS
from .tasks import Scenes, Task

__all__ = ["CHANNELS", "LIGHT", "microscopy"]

Row = dict[str, Any]
CHANNELS = {f"channel-{k}": k for k in range(3)}
LIGHT = {f"photons-{n}": n for n in (10, 30, 100, 300)}
PSF_SIDE = 15
CLASSICAL_FRAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "Gaussian blur, best width": ("gaussian-blur", {}),
    "total variation, best weight": ("tv", {"iterations": 100}),
    "BM3D after stabilisation": ("bm3d", {"strength": 1.0}),
}
CLASSICAL_BLUR: dict[str, tuple[str, dict[str, Any]]] = {
    "Richardson-Lucy, best iteration": ("richardson-lucy", {}),
    "the same with total variation, best setting": ("richardson-lucy-tv", {}),
    "total-variation deconvolution, best weight": ("tv", {"dark": 0.0}),
}


def microscopy(report: Report, asked: Asked) -> None:
    """Both parts."""
    report.text("# Real microscopy")
    rows = _frames(report, asked) + _mitochondria(report, asked)
    if rows:
        write_csv(report.out / "tables-microscopy.csv", rows)


def _frames(report: Report, asked: Asked) -> list[Row]:
    size, table, found = asked.size, [], []
    for name, channel in CHANNELS.items():
        made = _known(asked, name, [channel, "frames"], partial(_channel, asked, channel))
        if made is None:
            continue
        for row in made["rows"]:
            table.append([str(channel), *_shown(row)])
            found.append({"table": "w2s", "case": name, **row, **_rerun(asked, name)})
    if table:
        report.text(
            "## Widefield frames, three channels\n\nW2S: 24 single noisy frames to learn from, six others (the first "
            f"{size.field_side} x {size.field_side} pixels of each) to score against the mean of 400 frames, after the "
            "best gain and offset, because every file was stretched on its own. *Best* settings were chosen on the "
            "truth. *Its estimate*: what the prior says is its best; `emdiff restore` gives that."
        )
        report.table(["channel", "", "PSNR", "SSIM", ""], table)
        report.text(
            f"{_beside(found)} This is a {size.network} network after {2 * size.frame_steps} steps, half of which the "
            "samples take; what minutes of learning reach is measured by `emdiff bench learn-denoise`."
        )
    return found


def _channel(asked: Asked, channel: int) -> Row:
    size = asked.size
    fields = Fields(asked.data, channel)
    side = size.field_side
    fields.noisy, fields.clean = fields.noisy[:, :side, :side], fields.clean[:, :side, :side]
    say(f"w2s, channel {channel}")
    rows = [scored_row("as recorded", fields.y, fields.truth)]
    for title, (method, fixed) in CLASSICAL_FRAMES.items():
        try:
            best = best_of(method, fields.y, fields.truth, fields.imaging, errors=affine_errors, **fixed)
        except EMDiffError as error:
            rows.append({"title": title, "psnr": None, "ssim": None, "words": str(error)})
            continue
        rows.append(scored_row(title, best.image, fields.truth, _settings(best.parameters)))
    rows.append(scored_row(LEARNERS["noise2self"].title, _noise2self(fields, asked), fields.truth))
    recipe = size.recipe("frames", OURS) | {"rounds": 2}
    recipe |= {"hidden_steps": size.frame_steps, "neighbour_steps": size.frame_steps}
    run = learned(f"tables-w2s-{channel}", fields.teaching, fields.model, recipe, minutes=size.minutes)
    made = estimates(run.prior, fields.model, fields.y, noises=fields.noises, batch=1, samples=size.samples)
    return {
        "rows": [
            *rows,
            scored_row("EMDiff (ours), one sample", made.sample, fields.truth, run.words),
            scored_row(
                f"EMDiff (ours), mean of {size.samples}",
                made.of_samples,
                fields.truth,
                f"chi2 {made.chi2:.2f}",
            ),
            scored_row("EMDiff (ours), its estimate", made.mean, fields.truth, made.way),
        ]
    }


def _noise2self(fields: Fields, asked: Asked) -> Tensor:
    """Learned from crops of the noisy frames; the frames are of one kind, each with its own gain."""
    learner, size = LEARNERS["noise2self"], asked.size
    frames = torch.from_numpy(fields.teaching).float()
    tiles = frames.unfold(1, 32, 32).unfold(2, 32, 32).reshape(-1, 1, 32, 32)
    how = Training(
        size=size.network,
        steps=size.frame_steps,
        batch=size.batch,
        minutes=size.minutes,
        device=str(device_for("auto")),
    )
    assert learner.learn is not None
    assert learner.estimate is not None
    prior = learner.learn(Batch(recorded=tiles), how)
    return torch.cat(
        [learner.estimate(prior, Batch(recorded=y.to(how.device))).cpu() for y in torch.split(fields.y, 1)]
    )


def _mitochondria(report: Report, asked: Asked) -> list[Row]:
    size, table, found = asked.size, [], []
    for name, photons in LIGHT.items():
        made = _known(asked, name, [photons, "mito"], partial(_light, asked, photons))
        if made is None:
            continue
        for row in made["rows"]:
            table.append([str(photons), *_shown(row)])
            found.append({"table": "mitochondria", "case": name, **row, **_rerun(asked, name)})
    if not table:
        return found
    report.text(
        "## Mitochondria, a measured PSF, four light levels\n\nReal images of mitochondria as truth, blurred with the "
        f"in-focus plane of a measured bead, photon noise with so many photons at the peak. {size.images} crops of "
        f"{size.side} pixels to learn from, {size.scored} of other images to score. *Best* settings were chosen on the "
        "truth."
    )
    report.table(["photons", "", "PSNR", "SSIM", ""], table)
    report.text(_beside(found))
    series: dict[str, list[tuple[float, float]]] = {}
    for row in found:
        series.setdefault(row["title"], []).append((float(LIGHT[row["case"]]), row["psnr"]))
    kept_lines = {t: s for t, s in series.items() if t in PLOTTED or t.startswith("EMDiff (ours), mean")}
    path = report.picture("tables-light.png", "PSNR at four light levels")
    lines(path, "Mitochondria, measured PSF", kept_lines, ("photons at the peak", "PSNR"), logarithmic=True)
    return found


PLOTTED = ("as recorded", "Richardson-Lucy, best iteration", "total-variation deconvolution, best weight")


def _light(asked: Asked, photons: int) -> Row:
    size, task = asked.size, _light_task(asked, photons)
    say(f"mitochondria, {photons} photons")
    y, x, imaging = task.test.recorded, task.test.truth, task.imaging(task.test)
    rows = [_plain("as recorded", y, x)]
    for title, (method, fixed) in CLASSICAL_BLUR.items():
        best = best_of(method, y, x, imaging, **fixed)
        rows.append(_plain(title, best.image, x, _settings(best.parameters)))
    few = task.train.first(min(256, len(task.train.truth)))
    gaussian = fit_gaussian(
        task.imaging(few), list(torch.split(few.recorded, 32)), torch.Generator().manual_seed(0), rounds=6
    )
    wiener = restore_images("wiener", y, imaging, prior=gaussian)
    rows.append(_plain("Wiener, spectrum learned from the corrupted images", wiener, x))
    known = prior_of(task, "ours", size)
    made = draws(task, known.on(device_for("auto")), "auto", size.samples)
    minutes = f"{known.seconds / 60:.1f} min, {known.words}"
    one = _plain("EMDiff (ours), one sample", made.flatten(0, 1), x.repeat(len(made), 1, 1, 1), minutes)
    return {"rows": [*rows, one, _plain(f"EMDiff (ours), mean of {size.samples}", made.mean(0), x)]}


def _light_task(asked: Asked, photons: int) -> Task:
    psf = {"kind": "image", "path": _psf_file(asked.data)}
    noise = {"kind": "poisson-gaussian", "offset": 0.0, "gain": 1 / photons, "read_noise": 0.0}
    model = ImagingModel.model_validate({"operator": [{"kind": "blur", "psf": psf}], "noise": noise})
    size, imaging = asked.size, model.bind((asked.size.side,) * 2)

    def scenes(count: int, unseen: bool) -> Scenes:
        crops = crops_of(asked.data / "live_mito_u16", imaging.domain[0], count, unseen=unseen, seed=6)
        x = torch.from_numpy(crops)
        return Scenes(imaging.crop(x), imaging.simulate(x, 16 + unseen))

    title = f"Mitochondria, {photons} photons"
    train, test = scenes(size.images, False), scenes(size.scored, True)
    return Task(f"mito-{photons}", title, model, train, test, {"crop": size.side})


def _psf_file(data: Path) -> str:
    """The in-focus plane of the measured bead around its middle, without the background."""
    path = next((data / "psf_measured").glob("psf_*.tif"))
    with open_stack(path, axes="ZYX") as stack:
        volume = np.squeeze(stack.numpy()).astype(np.float32)
    focus = volume[np.unravel_index(volume.argmax(), volume.shape)[0]]
    row, column = np.unravel_index(focus.argmax(), focus.shape)
    half = PSF_SIDE // 2
    around = focus[row - half : row + half + 1, column - half : column + half + 1]
    around = np.clip(around - np.percentile(focus, 50), 0, None)
    file = bench_folder() / f"psf-{digest(around)}.tif"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        save_stack(stack_from_array(around, "YX", name="psf"), file)
    return str(file)


def _beside(rows: Sequence[Row]) -> str:
    """In every case, the best of ours beside the best of the others."""
    said = []
    for case in dict.fromkeys(row["case"] for row in rows):
        here = [row for row in rows if row["case"] == case and row["psnr"] is not None]
        ours = [row for row in here if row["title"].startswith("EMDiff")]
        rival = max((row for row in here if row not in ours), key=_psnr)
        title = rival["title"].partition(",")[0]
        said.append(f"{case.replace('-', ' ')}: {max(map(_psnr, ours)) - _psnr(rival):+.2f} dB to {title}")
    return f"The best of ours beside the best of the others: {'; '.join(said)}."


def _psnr(row: Row) -> float:
    return float(row["psnr"])


def _known(asked: Asked, name: str, settings: list[Any], compute: Callable[[], Row]) -> Row | None:
    """The rows of one case, made or found."""
    size = asked.size
    own = [
        *settings,
        size.name,
        size.network,
        size.images,
        size.side,
        size.scored,
        size.samples,
        size.minutes,
    ]
    own += [size.rounds, size.frame_steps, size.field_side, size.steps, str(asked.data)]
    content = digest(own, program())
    return kept_or_again("tables-microscopy", content, compute, wanted=asked.wants(name), again=asked.again)


def _plain(title: str, made: Tensor, truth: Tensor, words: str = "") -> Row:
    return {"title": title, "psnr": mean_psnr(made, truth), "ssim": mean_ssim(made, truth), "words": words}


def _settings(chosen: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in chosen.items())


def _shown(row: Row) -> list[object]:
    figures = ("-", "-") if row["psnr"] is None else (f"{row['psnr']:.2f}", f"{row['ssim']:.3f}")
    return [row["title"], *figures, row["words"]]


def _rerun(asked: Asked, name: str) -> Row:
    return {"seed": 0, "command": f"emdiff bench tables microscopy {asked.size.name} row={name} again"}
