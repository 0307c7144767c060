"""Dot plots of ratios on a logarithmic axis, as SVG. Equal figures give equal bytes."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log2
from typing import NamedTuple

from cnet.bench.table import TIMES

LABELS, AXIS, MARGIN, ROW, FOOT = 410, 440, 36, 28, 56
WIDTH = LABELS + AXIS + MARGIN
INK, GREY, GRID = "#1f2933", "#616e7c", "#e4e7eb"
RADIUS = 5.0
NOTES = 90
SPREAD = 16

MARKS = (
    ("#0072b2", "circle"),
    ("#e69f00", "square"),
    ("#cc79a7", "diamond"),
    ("#009e73", "up"),
    ("#d55e00", "down"),
    ("#000000", "cross"),
    ("#56b4e9", "plus"),
)
"""Colours for colour-blind readers (Okabe and Ito), and shapes for print without colour."""


class Row(NamedTuple):
    """A label, a note in grey, and the ratios by series."""

    label: str
    note: str
    ratios: dict[str, float]


def dots(title: str, axis: str, series: Sequence[str], rows: Sequence[Row]) -> str:
    """The plot: one line per row, ratios increase to the right, a vertical line at 1."""
    values = [value for row in rows for value in row.ratios.values()]
    low = min(-1, floor(log2(min(values))))
    high = max(1, ceil(log2(max(values))))

    def x(value: float) -> float:
        return LABELS + (log2(value) - low) / (high - low) * AXIS

    legend, top = _legend(series)
    bottom = top + ROW * len(rows)
    parts = [_text(MARGIN / 2, 26, title, size=17, weight="bold"), *legend]
    for exponent in range(low, high + 1):
        value = 2.0**exponent
        strong = exponent == 0
        parts.append(_line(x(value), top, x(value), bottom, INK if strong else GRID, 1 + strong))
        label = f"{value:g}{TIMES}"
        parts.append(_text(x(value), bottom + 18, label, anchor="middle", fill=GREY))
    parts.append(_text(LABELS + AXIS / 2, bottom + 42, axis, anchor="middle"))
    for number, row in enumerate(rows):
        y = top + ROW * (number + 0.5)
        parts.append(_line(LABELS, y, LABELS + AXIS, y, GRID, 1))
        parts.append(_text(LABELS - NOTES, y + 4, row.label, anchor="end"))
        parts.append(_text(LABELS - 10, y + 4, row.note, anchor="end", fill=GREY))
        present = [position for position, name in enumerate(series) if name in row.ratios]
        for place, position in enumerate(present):
            # Shift the marks so that equal ratios do not hide each other.
            aside = SPREAD * ((place + 0.5) / len(present) - 0.5)
            parts.append(_mark(x(row.ratios[series[position]]), y + aside, *MARKS[position]))
    height = bottom + FOOT
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    style = 'font-family="Helvetica, Arial, sans-serif" font-size="12.5"'
    background = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style} role="img">'
    name = f"<title>{escape(title)}</title>"
    return "\n".join([head, name, background, *parts, "</svg>"]) + "\n"


def _legend(series: Sequence[str]) -> tuple[list[str], float]:
    """The legend, wrapped into lines, and the y coordinate below it."""
    parts, start, y = [], MARGIN / 2 + RADIUS, 56
    left = start
    for name, mark in zip(series, MARKS, strict=False):
        width = 40 + 6.8 * len(name)
        if left + width > WIDTH:
            left, y = start, y + 22
        parts += [_mark(left, y, *mark), _text(left + 12, y + 4, name)]
        left += width
    return parts, y + 30


def _mark(x: float, y: float, color: str, shape: str) -> str:
    r = RADIUS
    outline = f'fill="{color}" stroke="#ffffff" stroke-width="1"'
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" {outline}/>'
    corners = {
        "square": [(-r, -r), (r, -r), (r, r), (-r, r)],
        "diamond": [(0, -1.3 * r), (1.3 * r, 0), (0, 1.3 * r), (-1.3 * r, 0)],
        "up": [(0, -1.2 * r), (1.2 * r, r), (-1.2 * r, r)],
        "down": [(0, 1.2 * r), (1.2 * r, -r), (-1.2 * r, -r)],
    }
    if shape in corners:
        points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners[shape])
        return f'<polygon points="{points}" {outline}/>'
    paths = {
        "cross": f"M{x - r:.1f},{y - r:.1f}l{2 * r},{2 * r}m0,{-2 * r}l{-2 * r},{2 * r}",
        "plus": f"M{x - r:.1f},{y:.1f}h{2 * r}M{x:.1f},{y - r:.1f}v{2 * r}",
    }
    return f'<path d="{paths[shape]}" stroke="{color}" stroke-width="2.5" fill="none"/>'


def _line(x1: float, y1: float, x2: float, y2: float, color: str, width: int) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{color}" stroke-width="{width}"/>'


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", fill: str = INK, size: float = 12.5,
    weight: str = "normal",
) -> str:  # fmt: skip
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    look = f'fill="{fill}" font-size="{size}" font-weight="{weight}"'
    return f"<text {place} {look}>{escape(text)}</text>"
