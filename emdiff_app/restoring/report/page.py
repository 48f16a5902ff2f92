"""The report: one HTML page with everything in it, for a browser and for its print to PDF.

Nothing is loaded from anywhere, and every word that came from a user or a file is escaped.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emdiff_app import __version__
from emdiff_app.images.atomic import write_bytes
from emdiff_app.restoring.trust.calibration import NOMINAL, UNKNOWN, Calibration
from emdiff_app.restoring.trust.records import ALL_WELL, Figures, Grade, Verdict

from .evidence import evidence_rows
from .pictures import grey_limits, picture_uri, shown
from .plots import coverage_plot, histogram_plot
from .style import STYLE

__all__ = ["Facts", "Picture", "report_html", "write_report"]

MOST_PICTURES = 6
MARKS = {Grade.TRUST: "&#10003;", Grade.CARE: "!", Grade.STOP: "&#10007;"}
SEALED = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What browsers are told: whatever is on this page, it loads nothing and runs nothing."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One crop or plane: arrays (C, [Z,] Y, X), in grey levels; the residual in standard deviations of the noise."""

    name: str
    recorded: NDArray[Any]
    restored: NDArray[Any]
    spread: NDArray[Any] | None = None
    residual: NDArray[Any] | None = None
    doubtful: NDArray[Any] | None = None


@dataclass(frozen=True)
class Facts:
    """What the page is about, in words of the user's; `recipe` is what was done, `command` how to repeat it."""

    title: str
    recipe: Mapping[str, str] = field(default_factory=dict)
    command: str = ""


def write_report(
    path: Path,
    facts: Facts,
    verdict: Verdict,
    figures: Figures,
    *,
    histogram: Sequence[float] = (),
    pictures: Sequence[Picture] = (),
    calibration: Calibration | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the page to `path`, whole or not at all."""
    page = report_html(
        facts, verdict, figures, histogram=histogram, pictures=pictures, calibration=calibration
    )
    write_bytes(Path(path), page.encode("utf-8"), overwrite=overwrite)
    return Path(path)


def report_html(
    facts: Facts,
    verdict: Verdict,
    figures: Figures,
    *,
    histogram: Sequence[float] = (),
    pictures: Sequence[Picture] = (),
    calibration: Calibration | None = None,
) -> str:
    """The page as text."""
    title = escape(facts.title)
    body = [
        f"<h1>{title}</h1>",
        _verdict(verdict, calibration),
        _pictures(pictures),
        _plots(histogram, calibration),
        _evidence(figures),
        _recipe(facts),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{SEALED}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def _verdict(verdict: Verdict, calibration: Calibration | None) -> str:
    grade = verdict.grade
    reasons = "".join(
        f"<li><strong>{escape(r.grade.capitalize())}.</strong> {escape(r.sentence)} "
        f'<span class="action">{escape(r.action)}</span></li>'
        for r in verdict.reasons
    )
    text = f"<ol>{reasons}</ol>" if reasons else f"<p>{escape(ALL_WELL)}</p>"
    spread = calibration.sentence if calibration else UNKNOWN
    return (
        f'<section class="verdict {grade.name.lower()}"><h2><span class="mark" aria-hidden="true">{MARKS[grade]}'
        f"</span> {escape(grade.capitalize())}</h2>{text}<p>{escape(spread)}</p></section>"
    )


def _pictures(pictures: Sequence[Picture]) -> str:
    rows = []
    for picture in pictures[:MOST_PICTURES]:
        before, after = shown(picture.recorded), shown(picture.restored)
        grey = grey_limits(before, after)
        tiles = [
            _tile("Recorded", before, grey, f"grey {_range(grey)}"),
            _tile("Restored", after, grey, "same greys"),
        ]
        if picture.spread is not None:
            spread = shown(picture.spread)
            wide = (0.0, grey_limits(spread)[1])
            tiles.append(_tile("Spread", spread, wide, f"0 to {wide[1]:.3g}"))
        if picture.residual is not None:
            tiles.append(_tile("Residual", shown(picture.residual), (-3, 3), "-3 to 3 x noise"))
        if picture.doubtful is not None:
            tiles.append(_tile("Doubtful", shown(picture.doubtful), (0, 0.5), "of the samples: 0 to half"))
        rows.append(f"<h3>{escape(picture.name)}</h3><div class='tiles'>{''.join(tiles)}</div>")
    if len(pictures) > MOST_PICTURES:
        rows.append(f"<p>The first {MOST_PICTURES} of {len(pictures)} are shown.</p>")
    return f"<section><h2>Pictures</h2>{''.join(rows)}</section>" if rows else ""


def _tile(name: str, picture: NDArray[np.float64], limits: tuple[float, float], words: str) -> str:
    return (
        f'<figure class="shot"><img src="{picture_uri(picture, limits)}" alt="{name}">'
        f"<figcaption>{name}<br><small>{words}</small></figcaption></figure>"
    )


def _range(limits: tuple[float, float]) -> str:
    return f"{limits[0]:.3g} to {limits[1]:.3g}"


def _plots(histogram: Sequence[float], calibration: Calibration | None) -> str:
    plots = []
    if histogram:
        plots.append(
            "<figure>"
            + histogram_plot(histogram)
            + "<figcaption>What the restoration leaves over, beside the noise "
            "that the imaging model promises (line).</figcaption></figure>"
        )
    if calibration:
        plot = coverage_plot(NOMINAL, calibration.covered, calibration.corrected, calibration.tarp)
        plots.append(
            f"<figure>{plot}<figcaption>How often the truth lies in the interval that promises it, on "
            f"{calibration.images} simulated images: as it is (dots), times {calibration.factor:.2f} (rings); TARP "
            "(line). On the dashed line the spread is an error bar.</figcaption></figure>"
        )
    return (
        f'<section><h2>Noise and spread</h2><div class="tiles">{"".join(plots)}</div></section>'
        if plots
        else ""
    )


def _evidence(figures: Figures) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{escape(row.name)}</th><td>{escape(row.found)}</td><td>{escape(row.expected)}</td>"
        f"<td>{escape(row.meaning)}</td></tr>"
        for row in evidence_rows(figures)
    )
    head = "<tr><th>figure</th><th>found</th><th>expected</th><th>what it says</th></tr>"
    return (
        f"<section><h2>The figures behind it</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table>"
        f"<p>From {figures.pixels} recorded pixels and {figures.samples} samples.</p></section>"
    )


def _recipe(facts: Facts) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{escape(str(name))}</th><td>{escape(str(words))}</td></tr>"
        for name, words in facts.recipe.items()
    )
    table = f"<table><tbody>{rows}</tbody></table>" if rows else ""
    command = ""
    if facts.command:
        command = f'<div class="again"><p>To repeat it:</p><pre>{escape(facts.command)}</pre></div>'
    made = f"EMDiff {__version__}, Python {platform.python_version()}, {datetime.now(UTC).date().isoformat()}"
    return f"<section><h2>What was done</h2>{table}{command}<p><small>{escape(made)}</small></p></section>"
