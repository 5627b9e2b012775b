"""Colours and strokes of plots: one place for the page in both themes and for figures on paper."""

from dataclasses import dataclass

LIGHT = {
    "ground": "#f4f6f8", "panel": "#ffffff", "edge": "#dde2e8", "ink": "#18202a", "soft": "#586472", "faint": "#e9edf1",
    "one": "#2b6cb3", "two": "#c97f12", "three": "#b93f3b", "four": "#1f8a70", "truth": "#8c97a3",
    "badge": "#e4edf8", "badge-ink": "#1c4d85", "warn": "#fbeed9", "warn-ink": "#7c4a03",
}  # fmt: skip
DARK = {
    "ground": "#0e1318", "panel": "#161c23", "edge": "#28313b", "ink": "#e4e9ef", "soft": "#98a4b1", "faint": "#212932",
    "one": "#62a7ee", "two": "#e5ae52", "three": "#ea7873", "four": "#4fc3a1", "truth": "#74818e",
    "badge": "#1b3048", "badge-ink": "#a0ccf8", "warn": "#3a2a10", "warn-ink": "#f1c784",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """How a mark is drawn; colours are names of the two themes."""

    stroke: str | None = None
    width: float = 1.0
    fill: str | None = None
    opacity: float = 1.0
    dash: tuple[float, float] | None = None


STYLES = {
    "grid": Style("faint"),
    "zero": Style("edge", 1.2),
    "guide": Style("soft", dash=(3.0, 4.0)),
    "tick": Style(fill="soft"),
    "axis": Style(fill="soft"),
    "label": Style(fill="ink"),
    "total": Style("ink", 1.5),
    "line-one": Style("one", 1.8),
    "line-two": Style("two", 1.6),
    "line-three": Style("three", 1.6),
    "line-four": Style("four", 1.6),
    "line-truth": Style("truth", 2.4),
    "dash-four": Style("four", 1.6, dash=(6.0, 4.0)),
    "dash-ink": Style("ink", 1.3, dash=(2.0, 3.0)),
    "area-one": Style(fill="one", opacity=0.72),
    "area-two": Style(fill="two", opacity=0.78),
    "area-three": Style(fill="three", opacity=0.78),
    "band": Style(fill="four", opacity=0.17),
    "bar": Style(fill="one", opacity=0.4),
    "held": Style(fill="one", opacity=0.9),
    "lost": Style(fill="three", opacity=0.5),
    "dot-one": Style("panel", 1.0, "one"),
    "path-truth": Style("truth", 3.6, opacity=0.45),
    "path-one": Style("one", 1.2),
    "path-three": Style("three", 1.6),
    "end-one": Style(fill="one"),
    "end-three": Style(fill="three"),
    "zone": Style("two", 1.4, "two", 0.14),
    "region": Style("three", 1.0, "three", 0.06),
    "region-other": Style("one", 0.8, "one", 0.03),
    "sensor": Style("ink", 1.2, "panel"),
    "scale": Style("soft", 1.4),
}


def style_sheet() -> str:
    """The colours of both themes and one class for each style."""
    light, dark = (";".join(f"--{name}:{value}" for name, value in theme.items()) for theme in (LIGHT, DARK))
    rules = [
        f":root{{color-scheme:light dark;{light}}}",
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}",
    ]
    for name, style in STYLES.items():
        said = [f"fill:{'none' if style.fill is None else f'var(--{style.fill})'}"]
        if style.stroke is not None:
            said.append(f"stroke:var(--{style.stroke});stroke-width:{style.width:g}")
        if style.dash is not None:
            said.append(f"stroke-dasharray:{style.dash[0]:g} {style.dash[1]:g}")
        if style.opacity < 1.0:
            said.append(f"{'stroke' if style.fill is None else 'fill'}-opacity:{style.opacity:g}")
        rules.append(f"svg .{name}{{{';'.join(said)}}}")
        rules.append(f".key .{name}{{background:var(--{style.fill or style.stroke})}}")
    return "\n".join(rules)
