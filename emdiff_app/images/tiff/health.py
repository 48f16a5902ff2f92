"""What is wrong with the pages of a TIFF, found from their places alone and said in words."""

from pathlib import Path

from emdiff_app.errors import StackError

from .pages import Coding, Page, check_declared_size
from .series import Run, Series

__all__ = ["check_pages"]

_MOST_PIECES = 400_000
"""Checking more strips and tiles than this would make opening slow; the rest is checked when read."""


def check_pages(series: Series, coding: Coding, name: str) -> frozenset[int]:
    """Warn about planes that are cut off, missing or have holes; returns the pages whose holes were told.

    A stack of which nothing can be read is refused.
    """
    sizes: dict[Path, int] = {}
    holes: dict[int, int] = {}
    lost: list[int] = []
    for number in _to_check(series, coding):
        try:
            page = series.pages.page(number)
        except StackError:
            lost.append(number)
            continue
        if number == 0:
            check_declared_size(page, coding, name)
        missing = 0 if coding.plain else page.missing()
        if _end(page, coding) > _size(page.path, sizes) or (
            missing == len(page.offsets) and not coding.sparse
        ):
            lost.append(number)
        elif missing:
            holes[number] = missing
    if lost:
        _tell_lost(series, lost, name)
    if holes:
        _tell_holes(series, coding, holes)
    return frozenset(holes)


def _to_check(series: Series, coding: Coding) -> list[int]:
    count = len(series.pages)
    if isinstance(series.pages, Run):
        # One after the other: whichever is the first beyond the end, all after it are too.
        size = series.pages.path.stat().st_size
        whole = max(0, (size - series.pages.first) // max(1, series.pages.nbytes))
        return (
            [0, *range(max(1, whole), count)] if whole < count and count - whole < 10**6 else [0, count - 1]
        )
    here = series.pages.here()
    step = max(1, len(here) * coding.pieces // _MOST_PIECES)
    return sorted({*here[::step], *here[-1:]})


def _end(page: Page, coding: Coding) -> int:
    if coding.plain and page.offsets:
        return page.offsets[0] + coding.nbytes if len(page.offsets) == 1 else page.end()
    return page.end()


def _size(path: Path, sizes: dict[Path, int]) -> int:
    if path not in sizes:
        sizes[path] = path.stat().st_size if path.exists() else 0
    return sizes[path]


def _tell_lost(series: Series, lost: list[int], name: str) -> None:
    count = len(series.pages)
    if len(lost) == count:
        raise StackError(
            f"{name}: none of its planes is whole, since the file is cut short or damaged; nothing was changed. "
            "Copy it again from where it was recorded."
        )
    series.warnings.append(
        f"{len(lost)} of {count} planes are missing or cut off ({_listed(lost)}); reading one of them is an error. "
        "Copy the file again from where it was recorded."
    )


def _tell_holes(series: Series, coding: Coding, holes: dict[int, int]) -> None:
    total = sum(holes.values())
    kind = "declared empty (sparse)" if coding.sparse else "never written"
    series.warnings.append(
        f"{total} of {coding.pieces * len(holes)} strips or tiles of plane {_listed(sorted(holes))} were {kind}; "
        f"they read as {coding.fill:g}."
    )


def _listed(numbers: list[int]) -> str:
    """Plane numbers counted from 1, runs joined: `1, 4-7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    words = [f"{a + 1}" if a == b else f"{a + 1}-{b + 1}" for a, b in runs[:8]]
    return ", ".join(words) + (", ..." if len(runs) > 8 else "")
