"""Kinds of plots, as drawings: areas, lines, staircases, bars, a reliability diagram, a map, a timeline."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from lowsky.evaluate.drawing import Drawing
from lowsky.model.measurement import Floats

Number = TypeVar("Number", float, Floats)
WIDTH, HEIGHT = 560.0, 250.0
MAP_WIDTH = 1_080.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 14.0, 12.0, 42.0
ROW = 14.0  # height of one object in a timeline


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
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT

    def x(self, value: Number) -> Number:
        return self.left + (value - self.x_from) / (self.x_to - self.x_from) * (self.width - self.left - RIGHT)

    def y(self, value: Number) -> Number:
        return self.height - BOTTOM - value / self.y_to * (self.height - TOP - BOTTOM)

    def drawing(self, title: str) -> Drawing:
        """An empty plot with its grid and labels."""
        out = Drawing(title, self.width, self.height)
        step = nice_step(self.y_to, 5)
        for k in range(math.floor(self.y_to / step + 1e-9) + 1):
            y = self.y(k * step)
            ends = np.array([self.left, self.width - RIGHT])
            out.line("grid" if k else "zero", ends, np.array([y, y]))
            out.text("tick", self.left - 8, y + 4, number(k * step), "end")
        self.along_x(out, 8 if self.width < MAP_WIDTH else 14)
        middle = (TOP + self.height - BOTTOM) / 2
        out.text("axis", 13.0, middle, self.y_label, "middle", upright=True)
        return out

    def along_x(self, out: Drawing, most: int) -> None:
        step = nice_step(self.x_to - self.x_from, most)
        for k in range(math.ceil(self.x_from / step), math.floor(self.x_to / step + 1e-9) + 1):
            out.text("tick", self.x(k * step), self.height - BOTTOM + 17, number(k * step), "middle")
        out.text("axis", (self.left + self.width - RIGHT) / 2, self.height - 6, self.x_label, "middle")


def top_of(values: Floats) -> float:
    """Where the y axis ends: a little above the largest value, on a grid line."""
    known = values[np.isfinite(values)]
    most = float(known.max()) if len(known) else 0.0
    if most <= 0.0:
        return 1.0
    step = nice_step(most * 1.05, 5)
    return math.ceil(most * 1.05 / step) * step


def steps(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The corners of a staircase that holds each value until the next."""
    return np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]


def stacked(
    x: Floats, layers: list[tuple[str, Floats]], lines: list[tuple[str, Floats]], axes: Axes, title: str
) -> Drawing:
    """Areas on top of each other, the first at the bottom, each (style, values); their sum; and more lines."""
    out, base = axes.drawing(title), np.zeros_like(x)
    for style, values in layers:
        top = base + values
        if values.any():
            out.area(style, axes.x(np.concatenate((x, x[::-1]))), axes.y(np.concatenate((top, base[::-1]))))
        base = top
    out.line("total", axes.x(x), axes.y(base))
    for style, values in lines:
        out.line(style, axes.x(x), axes.y(np.minimum(values, axes.y_to)))
    return out


def lines(
    x: Floats, curves: list[tuple[str, Floats]], axes: Axes, title: str, band: tuple[Floats, Floats] | None = None
) -> Drawing:
    """Curves over x, cut off at the top; ``band`` (low, high) lies behind them."""
    out = axes.drawing(title)
    if band is not None:
        low, high = (np.clip(edge, 0.0, axes.y_to) for edge in band)
        for part in np.split(np.arange(len(x)), np.flatnonzero(np.diff(np.isfinite(low))) + 1):
            if len(part) > 1 and np.isfinite(low[part[0]]):
                outline = np.concatenate((low[part], high[part][::-1]))
                out.area("band", axes.x(np.concatenate((x[part], x[part][::-1]))), axes.y(outline))
    for style, y in curves:
        out.line(style, axes.x(x), axes.y(np.minimum(y, axes.y_to)))
    return out


def staircases(curves: list[tuple[str, Floats, Floats]], axes: Axes, title: str) -> Drawing:
    """Counts or shares that hold until the next; each is (style, x, y)."""
    out = axes.drawing(title)
    for style, x, y in curves:
        across, up = steps(x, y)
        out.line(style, axes.x(across), axes.y(up))
    return out


def distribution(errors: Floats, axes: Axes, marks: list[tuple[str, float]], title: str) -> Drawing:
    """Histogram (bars, scaled to the plot) with the cumulative share on top; marks are (text, value)."""
    counts, edges = np.histogram(errors, bins=48, range=(axes.x_from, axes.x_to))
    share = counts / max(1, counts.max()) * 0.62
    out = axes.drawing(title)
    for low, high, part in zip(edges[:-1].tolist(), edges[1:].tolist(), share.tolist()):
        if part:
            x, width, y = axes.x(low), axes.x(high) - axes.x(low), axes.y(part)
            out.box("bar", x, y, width - 1.0, axes.y(0.0) - y)
    ordered = np.sort(errors)
    keep = np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), 300)).astype(np.int64))
    out.line("total", axes.x(np.minimum(ordered[keep], axes.x_to)), axes.y((keep + 1) / len(ordered)))
    for text, value in marks:
        if value <= axes.x_to:
            at = axes.x(value)
            out.line("guide", np.array([at, at]), np.array([TOP, axes.height - BOTTOM]))
            # the curve leaves the upper left free in its first half and the lower right everywhere
            left = at > LEFT + 150.0 and float((errors <= value).mean()) < 0.75
            anchor, shift, y = ("end", -6.0, TOP + 14.0) if left else ("start", 6.0, axes.y(0.42))
            if not left and at + 150.0 > axes.width:
                anchor, shift = "end", -6.0
            out.text("label", at + shift, y, text, anchor)
    return out


def bars(edges: list[tuple[float, float]], values: list[float], axes: Axes, title: str) -> Drawing:
    """One bar for each range of x, with its value above it where there is room."""
    out = axes.drawing(title)
    for (low, high), value in zip(edges, values):
        x, width = axes.x(low) + 1.5, axes.x(high) - axes.x(low) - 3.0
        out.box("area-one", x, axes.y(value), width, axes.y(0.0) - axes.y(value))
    return out


def reliability_diagram(claimed: Floats, found: Floats, count: Floats, title: str) -> Drawing:
    """Share found real over what was claimed; on the diagonal both agree. Bars: 95 % of what chance does to a share
    of independent rows (Wilson)."""
    axes = Axes(0.0, 1.0, 1.0, "existence claimed", "share that was real")
    out = axes.drawing(title)
    ends = np.array([0.0, 1.0])
    out.line("dash-ink", axes.x(ends), axes.y(ends))
    z2 = 1.96**2
    middle = (found + z2 / (2.0 * count)) / (1.0 + z2 / count)
    half = 1.96 * np.sqrt(found * (1.0 - found) / count + z2 / (4.0 * count**2)) / (1.0 + z2 / count)
    out.line("line-one", axes.x(claimed), axes.y(found))
    for x, y, low, high in zip(claimed.tolist(), found.tolist(), (middle - half).tolist(), (middle + half).tolist()):
        out.line("line-one", np.full(2, axes.x(x)), axes.y(np.array([max(low, 0.0), min(high, 1.0)])))
        out.dot("dot-one", axes.x(x), axes.y(y), 4.0)
    return out


def ground_map(
    layers: list[tuple[str, list[Floats]]],
    places: dict[str, Floats],
    title: str,
    areas: Sequence[tuple[str, str, Floats]] = (),
) -> Drawing:
    """Paths float64[n, 2] m east, north, seen from above, north up; layers are (style, paths); places of sensors; areas
    are (style, name, outline) and lie below all paths."""
    everything = [path for _, paths in layers for path in paths]
    if not everything:
        out = Drawing(title, WIDTH, HEIGHT)
        out.text("axis", 280, 120, "nothing to draw", "middle")
        return out
    # the box is that of the first layer that has something, with the sensors among it: a lost track far away, or one
    # aeroplane that crosses the country, must not shrink the rest
    first = np.concatenate(next(paths for _, paths in layers if paths))
    low, high = np.percentile(first, [0.5, 99.5], axis=0)
    reach = np.maximum(high - low, 200.0)
    near = [at for at in places.values() if np.all(at > low - 0.35 * reach) and np.all(at < high + 0.35 * reach)]
    low, high = np.min([low, *near], axis=0), np.max([high, *near], axis=0)
    span = np.maximum(high - low, 200.0) * 1.1
    middle = (low + high) / 2.0
    height = float(np.clip(MAP_WIDTH * span[1] / span[0], 380.0, 640.0))
    scale = float(min(MAP_WIDTH / span[0], height / span[1]))
    out = Drawing(title, MAP_WIDTH, height)

    def place(path: Floats) -> tuple[Floats, Floats]:
        return MAP_WIDTH / 2 + (path[:, 0] - middle[0]) * scale, height / 2 - (path[:, 1] - middle[1]) * scale

    _kilometres(out, scale, middle)
    for style, name, outline in areas:
        out.area(style, *place(outline))
        if name:
            top = int(np.argmax(outline[:, 1]))
            x, y = place(outline[top : top + 1])
            at = (float(np.clip(x[0], 40.0, MAP_WIDTH - 40.0)), max(float(y[0]) - 5.0, 16.0))
            out.text("label", *at, name, "middle")
    for style, paths in layers:
        for path in paths:
            out.line(f"path-{style}", *_thinned(*place(path)))
        for path in paths if style != "truth" else []:
            x, y = place(path[-1:])
            out.dot(f"end-{style}", float(x[0]), float(y[0]), 2.6)
    for name, at in _together(places, 14.0 / scale):
        x, y = (float(v[0]) for v in place(at[None]))
        if 0.0 <= x <= MAP_WIDTH and 0.0 <= y <= height:
            out.area("sensor", np.array([x - 5.5, x + 5.5, x]), np.array([y + 4.0, y + 4.0, y - 6.0]))
            out.text("label", x + 9, y + 4, name)
    _scale_and_north(out, scale)
    return out


def _together(places: dict[str, Floats], near_m: float) -> list[tuple[str, Floats]]:
    """Sensors that stand in one place on the map share a label."""
    out: list[tuple[str, Floats]] = []
    for name, at in places.items():
        for k, (names, there) in enumerate(out):
            if np.hypot(*(at - there)) < near_m:
                out[k] = (f"{names}, {name}", there)
                break
        else:
            out.append((name, at))
    return out


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Without points within one unit of the last one kept."""
    keep, last = [0], 0
    for k in range(1, len(x)):
        if (x[k] - x[last]) ** 2 + (y[k] - y[last]) ** 2 >= 1.0 or k == len(x) - 1:
            keep.append(k)
            last = k
    return x[keep], y[keep]


def _kilometres(out: Drawing, scale: float, middle: Floats) -> None:
    """A faint grid of round distances."""
    step = nice_step(MAP_WIDTH / scale, 12)
    for axis, length in ((0, out.width), (1, out.height)):
        first = math.ceil((middle[axis] - length / 2 / scale) / step)
        for k in range(first, math.floor((middle[axis] + length / 2 / scale) / step) + 1):
            offset = (k * step - middle[axis]) * scale
            if axis == 0:
                out.line("grid", np.full(2, out.width / 2 + offset), np.array([0.0, out.height]))
            else:
                out.line("grid", np.array([0.0, out.width]), np.full(2, out.height / 2 - offset))


def _scale_and_north(out: Drawing, scale: float) -> None:
    bar_m = nice_step(MAP_WIDTH / scale * 0.12, 1)
    text = f"{bar_m / 1000:g} km" if bar_m >= 1000.0 else f"{bar_m:g} m"
    x, y = 16.0, out.height - 16.0
    ends = np.array([x, x, x + bar_m * scale, x + bar_m * scale])
    out.line("scale", ends, np.array([y - 6, y, y, y - 6]))
    out.text("label", x + bar_m * scale / 2, y - 6, text, "middle")
    x = out.width - 24.0
    out.line("scale", np.array([x, x]), np.array([42.0, 16.0]))
    out.line("scale", np.array([x - 5, x, x + 5]), np.array([24.0, 16.0, 24.0]))
    out.text("label", x, 58.0, "N", "middle")


@dataclass(frozen=True, slots=True)
class Life:
    """One row of a timeline; spans are (first second, last second)."""

    name: str
    there: list[tuple[int, int]]
    held: list[tuple[int, int, int]]  # and the track


def timeline(lives: list[Life], n_second: int, title: str) -> Drawing:
    """Each object over time: held by a track, there but not held, and a mark where its track is another."""
    height = TOP + ROW * len(lives) + BOTTOM
    axes = Axes(0.0, float(n_second), 1.0, "seconds", "", MAP_WIDTH, height, 150.0)
    out = Drawing(title, MAP_WIDTH, height)
    step = nice_step(float(n_second), 14)
    for k in range(math.floor(n_second / step) + 1):
        x = axes.x(k * step)
        out.line("grid", np.array([x, x]), np.array([TOP, height - BOTTOM]))
    axes.along_x(out, 14)
    for row, life in enumerate(lives):
        y = TOP + ROW * row
        out.text("tick", 140.0, y + 10.5, life.name, "end")
        for begin, end in life.there:
            out.box("lost", axes.x(float(begin)), y + 5.5, axes.x(end + 1.0) - axes.x(float(begin)), 3.0)
        for begin, end, _ in life.held:
            out.box("held", axes.x(float(begin)), y + 3.0, axes.x(end + 1.0) - axes.x(float(begin)), 8.0)
        for (_, _, before), (begin, _, track) in zip(life.held, life.held[1:]):
            if before != track:
                x = axes.x(float(begin))
                out.line("total", np.array([x, x]), np.array([y, y + ROW]))
    return out


def strips(rows: list[tuple[str, Floats, float, float | None]], title: str) -> Drawing:
    """One line for each figure, each on a scale of its own: values of runs, their mean, its interval."""
    pitch = 38.0
    out = Drawing(title, WIDTH, TOP + pitch * len(rows) + 8.0)
    left, right = 158.0, WIDTH - 62.0
    for k, (name, values, mean, half) in enumerate(rows):
        y = TOP + pitch * (k + 0.35)
        ends = [float(values.min()), float(values.max()), mean - (half or 0.0), mean + (half or 0.0)]
        low, high = min(ends), max(ends)
        room = (high - low) or 1.0

        def x(value: float, low: float = low, room: float = room) -> float:
            return left + (value - low) / room * (right - left)

        out.text("label", left - 16.0, y + 4.0, name, "end")
        out.line("grid", np.array([left - 6.0, right + 6.0]), np.array([y, y]))
        if half:
            out.box("band", x(mean - half), y - 9.0, x(mean + half) - x(mean - half), 18.0)
        for value in values.tolist():
            out.dot("dot-one", x(value), y, 3.6)
        out.line("total", np.array([x(mean), x(mean)]), np.array([y - 9.0, y + 9.0]))
        out.text("tick", left - 6.0, y + 21.0, number(low))
        out.text("tick", right + 6.0, y + 21.0, number(high), "end")
        out.text("label", WIDTH - 4.0, y + 4.0, number(mean), "end")
    return out
