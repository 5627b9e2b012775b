"""Small plots as SVG text. Colours come from the page's style sheet by class, so both themes work."""

import math
from dataclasses import dataclass
from html import escape
from typing import TypeVar

import numpy as np

from lowsky.model.measurement import Floats

Number = TypeVar("Number", float, Floats)
WIDTH, HEIGHT = 560.0, 240.0
MAP_WIDTH = 1_080.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 12.0, 40.0


def nice_step(span: float, most: int) -> float:
    """A step of 1, 2 or 5 times a power of ten that gives at most ``most`` steps over ``span`` > 0."""
    raw = span / most
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * k for k in (1.0, 2.0, 5.0, 10.0) if power * k >= raw * (1.0 - 1e-9))


def number(value: float) -> str:
    """Short for an axis: no digits that say nothing."""
    return f"{value:,.0f}" if abs(value) >= 10.0 or value == round(value) else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Axes:
    """Linear scales of one plot; y from 0."""

    x_from: float
    x_to: float
    y_to: float
    x_label: str
    y_label: str

    def x(self, value: Number) -> Number:
        return LEFT + (value - self.x_from) / (self.x_to - self.x_from) * (WIDTH - LEFT - RIGHT)

    def y(self, value: Number) -> Number:
        return HEIGHT - BOTTOM - value / self.y_to * (HEIGHT - TOP - BOTTOM)

    def grid(self) -> str:
        parts = []
        step = nice_step(self.y_to, 5)
        for k in range(math.floor(self.y_to / step + 1e-9) + 1):
            y = self.y(k * step)
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(
                f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{number(k * step)}</text>'
            )
        step = nice_step(self.x_to - self.x_from, 8)
        for k in range(math.ceil(self.x_from / step), math.floor(self.x_to / step + 1e-9) + 1):
            x = self.x(k * step)
            y = HEIGHT - BOTTOM + 17
            parts.append(f'<text class="tick" x="{x:.1f}" y="{y}" text-anchor="middle">{number(k * step)}</text>')
        middle = (LEFT + WIDTH - RIGHT) / 2
        parts.append(
            f'<text class="axis" x="{middle}" y="{HEIGHT - 5}" text-anchor="middle">{escape(self.x_label)}</text>'
        )
        turn = f'transform="translate(13 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)"'
        parts.append(f'<text class="axis" {turn} text-anchor="middle">{escape(self.y_label)}</text>')
        return "".join(parts)

    def points(self, x: Floats, y: Floats) -> str:
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(self.x(x), self.y(y)))


def svg(body: str, title: str, width: float = WIDTH, height: float = HEIGHT) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )


def top_of(values: Floats) -> float:
    """Where the y axis ends: a little above the largest value, on a grid line."""
    most = float(values.max()) if len(values) else 0.0
    if most <= 0.0:
        return 1.0
    step = nice_step(most * 1.05, 5)
    return math.ceil(most * 1.05 / step) * step


def steps(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The corners of a staircase that holds each value until the next."""
    return np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]


def stacked(x: Floats, layers: list[tuple[str, Floats]], axes: Axes, title: str) -> str:
    """Areas on top of each other, the first at the bottom; each is (style class, values)."""
    parts, base = [axes.grid()], np.zeros_like(x)
    for name, values in layers:
        top = base + values
        outline = axes.points(np.concatenate((x, x[::-1])), np.concatenate((top, base[::-1])))
        parts.append(f'<polygon class="area {name}" points="{outline}"/>')
        base = top
    parts.append(f'<polyline class="line total" points="{axes.points(x, base)}"/>')
    return svg("".join(parts), title)


def staircases(x: Floats, lines: list[tuple[str, Floats]], axes: Axes, title: str) -> str:
    """Counts over time; each is (style class, values)."""
    parts = [axes.grid()]
    parts += [f'<polyline class="line {name}" points="{axes.points(*steps(x, y))}"/>' for name, y in lines]
    return svg("".join(parts), title)


def distribution(errors: Floats, axes: Axes, marks: list[tuple[str, float]], title: str) -> str:
    """Histogram (bars, scaled to the plot) with the cumulative share on top; marks are (text, value)."""
    counts, edges = np.histogram(errors, bins=48, range=(axes.x_from, axes.x_to))
    share = counts / max(1, counts.max()) * 0.62
    parts = [axes.grid()]
    for low, high, part in zip(edges[:-1].tolist(), edges[1:].tolist(), share.tolist()):
        x, width, y = axes.x(low), axes.x(high) - axes.x(low), axes.y(part)
        parts.append(
            f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="{width - 1:.1f}" height="{axes.y(0.0) - y:.1f}"/>'
        )
    ordered = np.sort(errors)
    keep = np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), 300)).astype(np.int64))
    curve = np.minimum(ordered[keep], axes.x_to)
    parts.append(f'<polyline class="line total" points="{axes.points(curve, (keep + 1) / len(ordered))}"/>')
    for text, value in marks:
        if value <= axes.x_to:
            at = axes.x(value)
            parts.append(f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
            # the curve leaves the upper left free in its first half and the lower right everywhere
            left = at > LEFT + 150.0 and float((errors <= value).mean()) < 0.75
            anchor, shift, y = ("end", -6, TOP + 14) if left else ("start", 6, axes.y(0.42))
            if not left and at + 150.0 > WIDTH:
                anchor, shift = "end", -6
            parts.append(
                f'<text class="label" x="{at + shift:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
            )
    return svg("".join(parts), title)


def ground_map(layers: list[tuple[str, list[Floats]]], title: str) -> str:
    """Paths float64[n, 2] m east, north, seen from above, north up; layers are (style class, paths)."""
    everything = [path for _, paths in layers for path in paths]
    if not everything:
        return svg('<text class="axis" x="280" y="120" text-anchor="middle">nothing to draw</text>', title)
    # the box is that of the first layer that has something: a lost track far away must not shrink the rest
    first = np.concatenate(next(paths for _, paths in layers if paths))
    low, high = first.min(axis=0), first.max(axis=0)
    span = np.maximum(high - low, 200.0) * 1.08
    middle = (low + high) / 2.0
    height = float(np.clip(MAP_WIDTH * span[1] / span[0], 380.0, 680.0))
    scale = min(MAP_WIDTH / span[0], height / span[1])

    def place(path: Floats) -> str:
        x, y = MAP_WIDTH / 2 + (path[:, 0] - middle[0]) * scale, height / 2 - (path[:, 1] - middle[1]) * scale
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y))

    parts = []
    for name, paths in layers:
        parts += [f'<polyline class="path {name}" points="{place(path)}"/>' for path in paths]
        for path in paths:
            at_x, at_y = place(path[-1:]).split(",")
            parts.append(f'<circle class="end {name}" cx="{at_x}" cy="{at_y}" r="2.4"/>')
    bar_m = nice_step(MAP_WIDTH / scale * 0.12, 1)
    text = f"{bar_m / 1000:g} km" if bar_m >= 1000.0 else f"{bar_m:g} m"
    x, y = 16.0, height - 16.0
    parts.append(f'<path class="scale" d="M{x} {y - 6} v6 h{bar_m * scale:.1f} v-6"/>')
    parts.append(f'<text class="label" x="{x + bar_m * scale / 2:.1f}" y="{y - 6}" text-anchor="middle">{text}</text>')
    parts.append(f'<path class="scale" d="M{MAP_WIDTH - 24} 42 v-26 m-5 8 l5 -8 l5 8"/>')
    parts.append(f'<text class="label" x="{MAP_WIDTH - 24}" y="58" text-anchor="middle">N</text>')
    return svg("".join(parts), title, MAP_WIDTH, height)
