"""Rows of figures as a table of the page, a CSV file, a plot and a grid of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emdiff_app.benchmarks._common.drawing import bars, grid
from emdiff_app.benchmarks._common.report import Report
from emdiff_app.benchmarks._common.rows_files import write_csv

from .rows import CEILING, Row
from .scores import unpacked

__all__ = ["show", "verdict"]

NOT = "**not** the closest"
WHY: dict[str, str] = {
    "denoising": (
        "Both learn the level of the recording by Stein's estimate, SURE-Score in all of its steps and ours in nearly "
        "all; less than 0.2 dB is what another seed changes."
    ),
}
"""By problem: the reason where another method is closer, as far as it is known."""
KEPT = ("psnr", "ssim", "patches", "lpips", "fid")


def show(
    report: Report, size: str, name: str, title: str, rows: Sequence[Row], pictures: dict[str, Any]
) -> None:
    """Everything about one problem; `pictures` are the rows of the grid before those of the methods."""
    report.text(f"## {title}")
    perceptual = [k for k in ("lpips", "fid") if any(isinstance(row["one"][k], float) for row in rows)]
    headers = ["", "one: PSNR", "SSIM", "mean: PSNR", "SSIM", "patches, one", "mean"]
    headers += [k.upper() for k in perceptual]
    headers += ["learning, min", "restoring, s", "published PSNR / LPIPS / FID"]
    report.table(headers, [_cells(row, perceptual) for row in rows])
    said = verdict(rows)
    report.text(f"{said} {WHY[name]}" if NOT in said and name in WHY else said)
    write_csv(report.out / f"tables-{name}.csv", [_flat(row, f"{size} {name}") for row in rows])
    report.text(f"All figures, with seeds and commands: [tables-{name}.csv](tables-{name}.csv).")
    values = {row["title"]: _plotted(row) for row in rows}
    path = report.picture(f"tables-{name}-psnr.png", f"PSNR of every method, {title}")
    bars(path, title, values, ("one sample", "mean of several", "published, other images"), "dB")
    shown = dict(pictures)
    for row in rows:
        if row["row"] == "observations":
            continue
        for kind, images in row["pictures"].items():
            if images is not None:
                words = f"{row['title']}, {kind}" if row["pictures"]["mean"] is not None else row["title"]
                shown[words] = unpacked(images)
    grid(
        report.picture(f"tables-{name}-pictures.png", f"Unseen images restored by every method, {title}"),
        shown,
    )


def verdict(rows: Sequence[Row]) -> str:
    """Which of the methods without clean images comes closest, and by how much."""
    fair = {row["title"]: _best(row) for row in rows if row["row"] not in (*CEILING, "observations")}
    ours = {row["title"]: _best(row) for row in rows if row["row"].startswith("ours")}
    if not ours or len(fair) == len(ours):
        return "Ours and the others have not all been run yet."
    title = max(ours, key=ours.__getitem__)
    others = {name: value for name, value in fair.items() if name not in ours}
    rival = max(others, key=others.__getitem__)
    gap = ours[title] - others[rival]
    word = "closest to the truth" if gap >= 0 else NOT
    return (
        f"By the best PSNR of each (one sample or the mean), {title} is {word} of those without clean images: "
        f"{ours[title]:.2f} dB, and {rival} {others[rival]:.2f} dB ({gap:+.2f} dB)."
    )


def _best(row: Row) -> float:
    return max(float(part["psnr"]) for part in (row["one"], row["mean"]) if part is not None)


def _plotted(row: Row) -> list[float | None]:
    published = row.get("published")
    mean = row["mean"]
    return [row["one"]["psnr"], mean and mean["psnr"], published and published[0]]


def _cells(row: Row, perceptual: Sequence[str]) -> list[object]:
    one, mean, published = row["one"], row["mean"], row.get("published")
    learning = row["learning_s"]
    return [
        f"**{row['title']}**" if row["row"].startswith("ours") else row["title"],
        f"{one['psnr']:.2f}",
        f"{one['ssim']:.3f}",
        "-" if mean is None else f"{mean['psnr']:.2f}",
        "-" if mean is None else f"{mean['ssim']:.3f}",
        f"{one['patches']:.4f}",
        "-" if mean is None else f"{mean['patches']:.4f}",
        *(one[k] if isinstance(one[k], float) else "-" for k in perceptual),
        "-" if learning is None else f"{learning / 60:.1f}",
        "-" if learning is None else float(row["restoring_s"]),
        "-" if published is None else " / ".join(f"{v:g}" for v in published),
    ]


def _flat(row: Row, words: str) -> dict[str, Any]:
    found: dict[str, Any] = {"row": row["row"], "title": row["title"]}
    for kind in ("one", "mean"):
        part = row[kind] or {}
        found |= {f"{kind}_{k}": part.get(k, "") for k in KEPT}
    found |= {k: row[k] for k in ("samples", "learning_s", "restoring_s", "words", "seed")}
    if row.get("published"):
        found |= dict(
            zip(("published_psnr", "published_lpips", "published_fid"), row["published"], strict=True)
        )
    found["command"] = f"emdiff bench tables published {words} row={row['row']} again"
    return found
