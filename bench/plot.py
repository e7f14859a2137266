# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plot: time over the floor's by number of endpoints, both axes logarithmic, as SVG. Pure."""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 130, 30, 50
COLOURS = {
    "ours": "#0072b2",
    "peer-hosts": "#d55e00",
    "peer-loops": "#e69f00",
    "by-hand": "#cc79a7",
    "floor": "#555555",
}


def svg(lines: dict[str, dict[int, float]]) -> str:
    """A line for each contender; `lines` are values by size, by contender."""
    sizes = sorted({size for line in lines.values() for size in line}) or [1]
    high = max([10.0, *(value for line in lines.values() for value in line.values())])
    low = min([1.0, *(value for line in lines.values() for value in line.values())])
    scale = _Scale(sizes, low, 10 ** math.ceil(math.log10(high)))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 18, "Time from nothing, as a multiple of the floor's"),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "endpoints", "middle"),
        *_grid(scale, sizes),
        *(part for name, line in lines.items() for part in _line(scale, name, line)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Scale:
    """Where sizes and values are in the picture."""

    def __init__(self, sizes: list[int], low: float, high: float) -> None:
        self.low, self.high = low, high
        self._first, self._last = math.log10(sizes[0]), math.log10(max(sizes[-1], sizes[0] * 10))

    def x(self, size: float) -> float:
        part = (math.log10(size) - self._first) / (self._last - self._first)
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        part = (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)


def _grid(scale: _Scale, sizes: list[int]) -> list[str]:
    parts = []
    for size in sizes:
        x = scale.x(size)
        parts.append(f'<path d="M{x:.1f},{TOP}V{HEIGHT - BOTTOM}" stroke="#dddddd"/>')
        parts.append(_text(x, HEIGHT - BOTTOM + 18, f"{size:,}", "middle"))
    value = 10 ** math.ceil(math.log10(scale.low))
    while value <= scale.high:
        y = scale.y(value)
        parts.append(f'<path d="M{LEFT},{y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{value:g}", "end"))
        value *= 10
    return parts


def _line(scale: _Scale, name: str, line: dict[int, float]) -> list[str]:
    colour = COLOURS.get(name, "black")
    places = [(scale.x(size), scale.y(value)) for size, value in sorted(line.items())]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    x, y = places[-1]
    return [
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *dots,
        _text(x + 8, y + 4, name, colour=colour),
    ]


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = "black") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
