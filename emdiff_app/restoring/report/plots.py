"""The two plots of a report as SVG: the residuals against N(0,1), and the coverage of the intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["coverage_plot", "histogram_plot"]

WIDE, HIGH = 330, 230
LEFT, TOP, RIGHT, BOTTOM = 44, 12, 10, 40
GRID, INK, OURS, THEIRS = "#ccc", "#222", "#0b5cad", "#a03c00"


def histogram_plot(density: Sequence[float], reach: float = 5.0) -> str:
    """Bars of `density` over (-reach, reach), and the density of N(0,1) as a line."""
    top = max(0.45, 1.1 * max(density, default=0.0))
    width = 2 * reach / max(len(density), 1)
    bars = []
    for i, value in enumerate(density):
        x0, x1 = (_x(-reach + (i + k) * width, -reach, reach) for k in (0, 1))
        y = _y(value, top)
        bars.append(
            f'<rect x="{x0:.1f}" y="{y:.1f}" width="{x1 - x0:.1f}" height="{_y(0, top) - y:.1f}" fill="{OURS}" '
            'fill-opacity="0.45"/>'
        )
    normal = [
        (v, math.exp(-v * v / 2) / math.sqrt(2 * math.pi))
        for v in (-reach + i * reach / 50 for i in range(101))
    ]
    line = " ".join(f"{_x(v, -reach, reach):.1f},{_y(p, top):.1f}" for v, p in normal)
    curve = f'<polyline points="{line}" fill="none" stroke="{INK}" stroke-width="1.5"/>'
    frame = _frame((-4, -2, 0, 2, 4), (-reach, reach), (0.0, 0.2, 0.4), top, "residual / noise", "density")
    return _svg("Histogram of the residuals (bars) against N(0,1) (line)", [frame, *bars, curve])


def coverage_plot(
    nominal: Sequence[float], covered: Sequence[float], corrected: Sequence[float], tarp: Sequence[float]
) -> str:
    """How often the truth was covered (filled: as it is; open: widened by the factor), and the TARP curve."""
    frame = _frame((0, 0.25, 0.5, 0.75, 1), (0, 1), (0.0, 0.5, 1.0), 1.0, "promised", "found")
    diagonal = _path([(0, 0), (1, 1)], f'stroke="{INK}" stroke-dasharray="4 3"')
    steps = [(0.0, 0.0), *((j / (len(tarp) + 1), v) for j, v in enumerate(tarp, 1)), (1.0, 1.0)]
    curve = _path(steps, f'stroke="{THEIRS}" stroke-width="1.5"')
    dots = [_dot(p, v, f'fill="{OURS}"') for p, v in zip(nominal, covered, strict=True)]
    rings = [
        _dot(p, v, f'fill="none" stroke="{OURS}" stroke-width="1.5"')
        for p, v in zip(nominal, corrected, strict=True)
    ]
    return _svg(
        "Coverage of the intervals (dots: as they are, rings: times the factor) and the TARP curve (line)",
        [frame, diagonal, curve, *dots, *rings],
    )


def _svg(words: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" height="{HIGH}" role="img" aria-label="{words}" '
        f'font-family="sans-serif" font-size="11" fill="{INK}"><title>{words}</title>{"".join(parts)}</svg>'
    )


def _frame(
    xs: Sequence[float],
    reach: tuple[float, float],
    ys: Sequence[float],
    top: float,
    below: str,
    beside: str,
) -> str:
    parts = []
    for x in xs:
        at = _x(x, *reach)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{_y(0, top):.1f}" stroke="{GRID}"/>')
        parts.append(f'<text x="{at:.1f}" y="{_y(0, top) + 14:.1f}" text-anchor="middle">{x:g}</text>')
    for y in ys:
        at = _y(y, top)
        parts.append(f'<line x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="{GRID}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">{y:g}</text>')
    middle = (LEFT + WIDE - RIGHT) / 2
    parts.append(f'<text x="{middle:.1f}" y="{HIGH - 6}" text-anchor="middle">{below}</text>')
    turned = f'transform="rotate(-90 12 {HIGH / 2:.0f})"'
    parts.append(f'<text x="12" y="{HIGH / 2:.0f}" text-anchor="middle" {turned}>{beside}</text>')
    return "".join(parts)


def _path(points: Sequence[tuple[float, float]], style: str) -> str:
    line = " ".join(f"{_x(x, 0, 1):.1f},{_y(y, 1.0):.1f}" for x, y in points)
    return f'<polyline points="{line}" fill="none" {style}/>'


def _dot(x: float, y: float, style: str) -> str:
    return f'<circle cx="{_x(x, 0, 1):.1f}" cy="{_y(y, 1.0):.1f}" r="4.5" {style}/>'


def _x(value: float, low: float, high: float) -> float:
    return LEFT + (value - low) / (high - low) * (WIDE - LEFT - RIGHT)


def _y(value: float, top: float) -> float:
    return HIGH - BOTTOM - min(max(value / top, 0.0), 1.0) * (HIGH - TOP - BOTTOM)
