"""What each part of the method is worth: the start, the weight of the data, a last reset, the number of rounds.

All on one problem, photographs with 60 % of their pixels missing, with the recipe of `ours` changed in one place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emdiff_app.baselines.learners import LEARNERS
from emdiff_app.benchmarks._common.data import cifar, crops_of
from emdiff_app.benchmarks._common.drawing import bars, lines
from emdiff_app.benchmarks._common.kept import bench_folder, digest, kept, kept_or_again, program
from emdiff_app.benchmarks._common.report import Report
from emdiff_app.benchmarks._common.rows_files import write_csv
from emdiff_app.benchmarks._learning.runs import say
from emdiff_app.diffusion.device import device_for
from emdiff_app.images import save_stack, stack_from_array

from .draws import SEED, Known, draws
from .priors import prior_by_rounds, prior_of
from .published import Asked
from .scores import of_draws
from .size import OURS, Size
from .tasks import Scenes, Task, task_of

__all__ = ["VARIANTS", "ablations"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """The recipe of `ours` with some fields changed; `clean` says how many clean images it starts from."""

    title: str
    group: str
    changed: dict[str, Any]
    clean: int | None = None
    similar: bool = False


STARTS, WEIGHTS, ENDS, ROUNDS = "start", "weight of the data", "end", "rounds"
VARIANTS: dict[str, Variant] = {
    "start-0": Variant("no clean image: a Gaussian fitted by EM", STARTS, {}),
    "start-few": Variant("clean images, fewest", STARTS, {}, clean=0),
    "start-some": Variant("clean images, some", STARTS, {}, clean=1),
    "start-many": Variant("clean images, most", STARTS, {}, clean=2),
    "start-other": Variant(
        "clean images of another kind (nuclei, as grey photographs)", STARTS, {}, similar=True
    ),
    "weight-low": Variant("begins at 0.3", WEIGHTS, {"first_weight": 0.3}),
    "weight-one": Variant("1 throughout", WEIGHTS, {}),
    "weight-high": Variant("begins at 3, as EMDiffusion's is above 1", WEIGHTS, {"first_weight": 3.0}),
    "reset-none": Variant("weights inherited to the end", ENDS, {}),
    "reset": Variant("a last round from fresh weights", ENDS, {"scratch_rounds": 1}),
    "rounds-1": Variant("1", ROUNDS, {"rounds": 1}),
    "rounds-3": Variant("3", ROUNDS, {"rounds": 3}),
    "rounds-usual": Variant("as usual", ROUNDS, {}),
    "rounds-double": Variant("twice as many", ROUNDS, {}),
}
CLEAN_WORTH = "clean images"


def ablations(report: Report, asked: Asked) -> None:
    """A table for each group, and one for what the corrupted images are worth."""
    size, task = asked.size, task_of("inpainting", asked.data, asked.size)
    report.text(
        f"# Ablations\n\n{task.title}; {size.images} photographs to learn from, {size.scored} unseen ones to score, "
        f"the recipe of ours with one thing changed ({size.rounds['rounds']} rounds, {size.network}), at "
        f"most {size.minutes:g} minutes each. One seed, as in all these tables: differences of 0.2 dB say nothing."
    )
    rows: list[Row] = []
    for group in (STARTS, WEIGHTS, ENDS, ROUNDS):
        found = [_run(task, name, asked) for name, variant in VARIANTS.items() if variant.group == group]
        made = [row for row in found if row is not None]
        if made:
            report.text(f"## {group.capitalize()}")
            report.table(["", *HEADERS], [_cells(row) for row in made])
            rows += made
    if asked.wants("start-0"):
        rows += _worth(report, task, asked)
    write_csv(report.out / "tables-ablations.csv", [_flat(row, size) for row in rows])
    if rows:
        values = {f"{r['group']}: {r['title']}"[:44]: (r["one"]["psnr"], r["mean"]["psnr"]) for r in rows}
        path = report.picture("tables-ablations.png", "PSNR of every variant")
        bars(path, "Ablations", values, ("one sample", "mean of several"), "dB")


HEADERS = ("one: PSNR", "SSIM", "mean: PSNR", "SSIM", "patches, one", "learning, min", "")


def _run(task: Task, name: str, asked: Asked) -> Row | None:
    variant, size = VARIANTS[name], asked.size
    recipe = size.recipe("ours", OURS) | variant.changed
    title = variant.title
    if name == "rounds-double":
        recipe["rounds"] = 2 * recipe["rounds"]
    if recipe.get("scratch_rounds"):
        recipe["scratch_steps"] = size.steps // 2
    if variant.clean is not None:
        count = size.starts[variant.clean]
        title = f"{count} clean images, kept in every round"
        recipe["clean"] = (_clean_file(asked, count),)
    if variant.similar:
        recipe["similar"] = (_other_file(asked),)
    content = _content(task, [recipe, size.samples, size.minutes], asked)

    def compute() -> Row:
        say(f"ablations: {variant.group}, {title}")
        return _scored(task, prior_by_rounds(task, "ours", recipe, size), asked)

    made = kept_or_again("tables-ablation", content, compute, wanted=asked.wants(name), again=asked.again)
    return None if made is None else {"row": name, "group": variant.group, "title": title, **made}


def _scored(task: Task, known: Known, asked: Asked) -> Row:
    made = draws(task, known.on(device_for("auto")), "auto", asked.size.samples)
    found = of_draws(made, task.test.truth, asked.weights)
    return {"one": found["one"], "mean": found["mean"], "learning_s": known.seconds, "words": known.words}


def _worth(report: Report, task: Task, asked: Asked) -> list[Row]:
    """Priors from more and more clean images, beside the one from all corrupted ones."""
    size, rows = asked.size, []
    for count in size.clean_counts:
        fewer = replace(task, train=task.train.first(count))
        content = _content(fewer, [CLEAN_WORTH, size.network, size.steps, size.batch, size.samples], asked)

        def compute(fewer: Task = fewer, count: int = count) -> Row:
            say(f"ablations: {count} clean images")
            return _scored(fewer, prior_of(fewer, LEARNERS["clean"].name, size), asked)

        row = kept("tables-ablation", content, compute)
        rows.append({"row": "start-0", "group": CLEAN_WORTH, "title": f"{count} clean images", **row})
    ours = _run(task, "start-0", asked)
    assert ours is not None
    report.text(f"## How many clean images {len(task.train.truth)} corrupted ones are worth")
    report.table(
        ["", *HEADERS], [_cells(row) for row in (*rows, {**ours, "title": "corrupted images alone"})]
    )
    known = [(float(n), row["mean"]["psnr"]) for n, row in zip(size.clean_counts, rows, strict=True)]
    level = [(n, ours["mean"]["psnr"]) for n, _ in known]
    path = report.picture("tables-clean-worth.png", "PSNR of priors from clean images, and of ours")
    series = {"trained on so many clean images": known, "ours, corrupted images alone": level}
    lines(path, "What clean images are worth", series, ("clean images", "PSNR, mean"), logarithmic=True)
    return rows


def _clean_file(asked: Asked, count: int) -> str:
    """So many clean photographs, others than those that are learned from where there are enough."""
    photos = cifar(asked.data / "cifar10", unseen=False)[-count:]
    return _file(torch.from_numpy(photos))


def _other_file(asked: Asked) -> str:
    """Nuclei with three equal colours."""
    crops = torch.from_numpy(crops_of(asked.data / "dsb2018_nuclei", 32, 200, unseen=False))
    return _file(crops.expand(-1, 3, -1, -1))


def _file(images: Tensor) -> str:
    """Kept by content, so that the recipe that names it is the same every time."""
    array = np.ascontiguousarray(np.moveaxis(images.numpy(), 1, -1))
    path = bench_folder() / f"clean-{digest(array)}.tif"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        save_stack(stack_from_array(array, "TYXS", name="clean"), path)
    return str(path)


def _content(task: Task, settings: list[Any], asked: Asked) -> str:
    scenes: tuple[Scenes, ...] = (task.train, task.test)
    arrays = [part for s in scenes for part in (s.truth, s.recorded)]
    return digest(*arrays, [*settings, SEED, str(asked.weights)], program())


def _cells(row: Row) -> list[object]:
    one, mean = row["one"], row["mean"]
    figures = [f"{one['psnr']:.2f}", f"{one['ssim']:.3f}", f"{mean['psnr']:.2f}", f"{mean['ssim']:.3f}"]
    return [row["title"], *figures, f"{one['patches']:.4f}", f"{row['learning_s'] / 60:.1f}", row["words"]]


def _flat(row: Row, size: Size) -> Row:
    found = {"group": row["group"], "title": row["title"]}
    for kind in ("one", "mean"):
        found |= {f"{kind}_{k}": v for k, v in row[kind].items()}
    found |= {"learning_s": row["learning_s"], "words": row["words"], "seed": SEED}
    return found | {"command": f"emdiff bench tables ablations {size.name} row={row['row']} again"}
