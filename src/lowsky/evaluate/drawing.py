"""A drawing is a list of marks in a box. It becomes SVG text by itself and PNG with matplotlib."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np

from lowsky.errors import LowskyError
from lowsky.evaluate.theme import LIGHT, STYLES
from lowsky.model.measurement import Floats

FONT = 12.0
ANCHOR = {"start": "left", "middle": "center", "end": "right"}


@dataclass(frozen=True, slots=True)
class Mark:
    """One shape: ``line`` and ``area`` through points, ``dot`` of a radius, ``text`` at a point."""

    kind: str
    style: str  # of ``theme.STYLES``
    xy: Floats  # float64[n, 2], x right, y down
    text: str = ""
    anchor: str = "start"
    radius: float = 0.0
    upright: bool = False  # text turned by 90°


@dataclass(slots=True)
class Drawing:
    """Marks in order of painting, in a box of ``width`` × ``height``."""

    title: str
    width: float
    height: float
    marks: list[Mark] = field(default_factory=list)

    def line(self, style: str, x: Floats, y: Floats) -> None:
        """A line; it is interrupted where a value is NaN."""
        xy = np.column_stack((x, y))
        for part in _finite_runs(xy):
            self.marks.append(Mark("line", style, part))

    def area(self, style: str, x: Floats, y: Floats) -> None:
        self.marks.append(Mark("area", style, np.column_stack((x, y))))

    def box(self, style: str, x: float, y: float, width: float, height: float) -> None:
        self.area(style, np.array([x, x + width, x + width, x]), np.array([y, y, y + height, y + height]))

    def dot(self, style: str, x: float, y: float, radius: float) -> None:
        self.marks.append(Mark("dot", style, np.array([[x, y]]), radius=radius))

    def text(self, style: str, x: float, y: float, text: str, anchor: str = "start", upright: bool = False) -> None:
        self.marks.append(Mark("text", style, np.array([[x, y]]), text, anchor, upright=upright))

    def svg(self) -> str:
        """An ``svg`` element; colours come from the style sheet of whatever it stands in."""
        body = "".join(_svg_marks(self.marks))
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{escape(self.title)}">'
            f"<title>{escape(self.title)}</title>{body}</svg>"
        )

    def png(self, path: Path, dpi: float = 200.0) -> None:
        """For paper: white ground, light colours. Raises ``LowskyError`` where matplotlib is not installed."""
        need_matplotlib()
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        # a point of the drawing is a point of 1/72 inch at a width of 6 inches
        figure = Figure(figsize=(6.0, 6.0 * self.height / self.width), dpi=dpi)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0.0, self.width)
        axes.set_ylim(self.height, 0.0)
        axes.axis("off")
        scale = 6.0 * 72.0 / self.width
        for mark in self.marks:
            _paint(axes, mark, scale)
        figure.savefig(path, facecolor=LIGHT["panel"])


def need_matplotlib() -> None:
    """Raises ``LowskyError`` where it is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise LowskyError("PNG figures need matplotlib, which is not installed (pip install matplotlib); SVG does not")


def _finite_runs(xy: Floats) -> Iterator[Floats]:
    good = np.isfinite(xy).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], good, [False])).astype(np.int8)))
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist()):
        yield xy[first:last]


def _svg_marks(marks: list[Mark]) -> Iterator[str]:
    for m in marks:
        x, y = m.xy[0].tolist()
        if m.kind == "text":
            turn = f' transform="translate({x:.1f} {y:.1f}) rotate(-90)"' if m.upright else f' x="{x:.1f}" y="{y:.1f}"'
            yield f'<text class="{m.style}"{turn} text-anchor="{m.anchor}">{escape(m.text)}</text>'
        elif m.kind == "dot":
            yield f'<circle class="{m.style}" cx="{x:.1f}" cy="{y:.1f}" r="{m.radius:g}"/>'
        else:
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in m.xy.tolist())
            yield f'<{"polyline" if m.kind == "line" else "polygon"} class="{m.style}" points="{points}"/>'


def _paint(axes: object, mark: Mark, scale: float) -> None:
    """One mark with matplotlib, as the style sheet would have it."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle, Polygon

    style = STYLES[mark.style]
    stroke = "none" if style.stroke is None else LIGHT[style.stroke]
    fill = "none" if style.fill is None else LIGHT[style.fill]
    width = style.width * scale
    if mark.kind == "text":
        axes.text(  # type: ignore[attr-defined]
            *mark.xy[0], mark.text, color=fill, fontsize=FONT * scale, ha=ANCHOR[mark.anchor],
            va="baseline", rotation=90.0 if mark.upright else 0.0, rotation_mode="anchor", parse_math=False,
        )  # fmt: skip
    elif mark.kind == "line":
        dashes = {} if style.dash is None else {"dashes": [d / style.width for d in style.dash]}
        line = Line2D(*mark.xy.T, color=stroke, linewidth=width, alpha=style.opacity, solid_joinstyle="round", **dashes)
        axes.add_line(line)  # type: ignore[attr-defined]
    else:
        shape = Circle(tuple(mark.xy[0]), mark.radius) if mark.kind == "dot" else Polygon(mark.xy, closed=True)
        shape.set(facecolor=fill, edgecolor=stroke, linewidth=width if style.stroke else 0.0, alpha=style.opacity)
        axes.add_patch(shape)  # type: ignore[attr-defined]
