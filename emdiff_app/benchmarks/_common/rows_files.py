"""Rows of figures as CSV files, and tables that grow from command to command."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["with_earlier", "write_csv"]

Row = dict[str, Any]
FIGURES = ("psnr", "ssim")


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """One line a row; the columns are those of all rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def with_earlier(path: Path, rows: Sequence[Row], about: str) -> list[Row]:
    """These rows, and those that earlier commands left in this file on the same images: `about` says which.

    A row that could not be made this time (its figures are None) does not push an earlier one out.
    """
    earlier = {row["title"]: row for row in _read(path) if row.pop("about", "") == about}
    for row in rows:
        if row["psnr"] is not None or row["title"] not in earlier:
            earlier[row["title"]] = row
    return list(earlier.values())


def _read(path: Path) -> list[Row]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            found: list[Row] = [dict(row) for row in csv.DictReader(file)]
        for row in found:
            row.update({name: float(row[name]) for name in FIGURES})
    except (OSError, ValueError, KeyError, csv.Error):
        return []
    return found
