"""The published tables, every method of the field run side by side; one row can be rerun alone.

`emdiff bench tables [published|samplers|ablations|microscopy ...] [cpu|gpu] [inpainting|denoising|deblurring ...]
[row=NAME ...] [again] [weights=FOLDER] [DATA] --out FOLDER`; without words: all tables, sized for two cores in less
than 90 minutes. What was computed is kept by content: an interrupted run goes on where it was, and `row=ours again`
computes that row anew and shows the others as they are known.
"""

from __future__ import annotations

from pathlib import Path

from emdiff_app.errors import EMDiffError

from ._common.data import data_folder
from ._common.report import Report
from ._common.words import Words
from ._tables.ablations import VARIANTS, ablations
from ._tables.microscopy import CHANNELS, LIGHT, microscopy
from ._tables.published import Asked, published
from ._tables.rows import ROWS
from ._tables.samplers import POSTER, samplers
from ._tables.size import SIZES
from ._tables.tasks import TASKS

__all__ = ["run"]

TABLES = {
    "published": published,
    "samplers": samplers,
    "ablations": ablations,
    "microscopy": microscopy,
}
KNOWN_ROWS = (*ROWS, *POSTER, *VARIANTS, *CHANNELS, *LIGHT)
NEEDED = ("cifar10", "dsb2018_nuclei", "live_mito_u16", "w2s", "psf_measured")


def run(report: Report) -> None:
    """The tables that were named."""
    asked = _asked(report)
    for name in asked.tables:
        TABLES[name](report, asked)
        report.write()  # whoever interrupts the next table has this one


def _asked(report: Report) -> Asked:
    words = Words([word for word in report.arguments if "=" not in word])
    named = [word.partition("=")[::2] for word in report.arguments if "=" in word]
    if unknown := [name for name, _ in named if name not in ("row", "weights")]:
        raise EMDiffError(
            f"{unknown[0]!r} is no word of this benchmark (row=NAME, weights=FOLDER); nothing was measured."
        )
    rows = [value for name, value in named if name == "row"]
    if wrong := [row for row in rows if row not in KNOWN_ROWS]:
        raise EMDiffError(
            f"There is no row {wrong[0]!r}; there are {', '.join(KNOWN_ROWS)}. Nothing was measured."
        )
    weights = [Path(value).expanduser() for name, value in named if name == "weights"]
    if weights and not weights[-1].is_dir():
        raise EMDiffError(f"There is no folder {weights[-1]} of weights; nothing was measured.")
    tables = words.among(tuple(TABLES)) or tuple(TABLES)
    size = SIZES[(*words.among(tuple(SIZES)), "cpu")[0]]
    tasks = words.among(TASKS) or TASKS
    again = bool(words.among(("again",)))
    data = data_folder(NEEDED, words.rest())
    return Asked(data, size, tables, tasks, rows, again, weights[-1] if weights else None)
