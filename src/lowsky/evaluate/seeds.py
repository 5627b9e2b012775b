"""Several runs of one kind, mostly one scenario under several seeds: means with their 95 % intervals."""

import math
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from lowsky import __version__
from lowsky.evaluate.figures import Figure, seconds_of
from lowsky.evaluate.page import document, origin_badge, panel, shown, table, tile
from lowsky.evaluate.plot import Axes, lines, strips, top_of
from lowsky.evaluate.write import write_whole
from lowsky.model.measurement import Floats

if TYPE_CHECKING:
    from lowsky.evaluate.report import Report

# 97.5 % of Student's t with 1 … 30 degrees of freedom; beyond, 1.96 + 2.4 / n is right to 0.003
STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
RATIOS = {  # figure -> what is above and what below: of means, not the mean of ratios
    "reference.gospa_ratio": ("late.gospa_m", "reference.gospa_m"),
    "reference.rmse_ratio": ("late.rmse_m", "reference.rmse_m"),
    "reference.bound_ratio": ("late.rmse_m", "reference.bound_m"),
}
SETTINGS = ("cutoff_m", "max_age_s", "settled_from_s", "seconds", "runs", "trajectory_gospa.gamma_m", "ospa2.window_s")
MAIN = (
    ("GOSPA", "late.gospa_m", "m", 1), ("Horizontal error", "late.rmse_horizontal_m", "m", 1),
    ("Time held", "whole.completeness", "", 3), ("False tracks at a time", "late.false", "", 2),
    ("Confirmed after", "confirmed_s.median", "s", 1), ("Identity switches", "identity_switches", "", 1),
    ("ANEES", "late.anees", "", 2), ("In 95 % ellipsoid", "late.inside_95", "", 3),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean over runs, and half its 95 % interval (NaN of one run)."""

    mean: float
    half_95: float
    values: tuple[float, ...]


def student_975(freedom: int) -> float:
    return STUDENT[freedom - 1] if freedom <= len(STUDENT) else 1.96 + 2.4 / freedom


def estimate(values: Floats) -> Estimate:
    """The mean of independent runs float64[n], with Student's interval."""
    n = len(values)
    half = student_975(n - 1) * float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return Estimate(float(values.mean()), half, tuple(values.tolist()))


def estimate_ratio(above: Floats, below: Floats) -> Estimate:
    """The ratio of two means over the same runs, its interval by jackknife."""
    n, value = len(above), float(above.mean() / below.mean())
    half = math.nan
    if n > 1:
        left_out = (above.sum() - above) / (below.sum() - below)
        half = student_975(n - 1) * math.sqrt((n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum()))
    return Estimate(value, half, tuple((above / below).tolist()))


@dataclass(frozen=True, slots=True)
class Several:
    """Means over runs. ``metrics`` holds every figure with its interval and the value of each run."""

    metrics: dict[str, Any]
    gospa: tuple[Floats, Floats, Floats, Floats] | None  # seconds; mean, least and most of all runs

    def summary(self) -> str:
        """The main figures in a few lines of text, for a terminal."""
        m = self.metrics
        head = f"{m['runs']} runs, data: {m['origin']}; mean ± half the 95 % interval"
        return "\n".join([head, *(f"{name:24}{_said(m['figures'].get(key), digits)} {unit}".rstrip()
                                  for name, key, unit, digits in MAIN)])  # fmt: skip

    def to_json(self, path: str | Path | None = None) -> str:
        """The figures as JSON text; also written to ``path`` where one is given, whole or not at all."""
        text = msgspec.json.format(msgspec.json.encode(self.metrics), indent=2).decode() + "\n"
        if path is not None:
            write_whole(Path(path), text)
        return text

    def to_html(self, path: str | Path) -> None:
        """The figures as one self-contained page, written whole or not at all."""
        write_whole(Path(path), _page(self))


def several(reports: "list[Report]") -> Several:
    """Reports of runs that are alike, at least one. A figure that some run does not have is left out."""
    flat = [_flat(report.metrics) for report in reports]
    keys = [key for key in flat[0] if key not in SETTINGS and all(key in one for one in flat)]
    columns = {key: np.array([one[key] for one in flat], float) for key in keys}
    found = {}
    for key, values in columns.items():
        above, below = RATIOS.get(key, (None, None))
        made = estimate_ratio(columns[above], columns[below]) if above and below else estimate(values)
        half = made.half_95 if math.isfinite(made.half_95) else None
        found[key] = {"mean": made.mean, "half_95": half, "n": len(values), "values": list(made.values)}
    metrics = {
        "format": "lowsky evaluation of several runs 1",
        "lowsky": __version__,
        "origin": _same([r.metrics["origin"] for r in reports]) or "not stated",
        "scenario": _same([r.metrics["scenario"] for r in reports]),
        "scenario_sha256": _same([r.metrics["scenario_sha256"] for r in reports]),
        "seeds": _seeds(reports),
        "runs": len(reports),
        "settled_from_s": reports[0].metrics["settled_from_s"],
        "figures": found,
    }
    over_time = [r.series["gospa_m"].to_numpy() for r in reports]
    if len({len(values) for values in over_time}) > 1:
        return Several(metrics, None)
    stack = np.array(over_time)
    return Several(metrics, (seconds_of(reports[0].series), stack.mean(axis=0), stack.min(axis=0), stack.max(axis=0)))


def _same(values: list[Any]) -> Any:
    return values[0] if all(value == values[0] for value in values) else None


def _seeds(reports: "list[Report]") -> list[int] | None:
    seeds = [seed for report in reports for seed in report.metrics["seeds"] or ()]
    return seeds if len(seeds) == len(reports) else None


def _flat(metrics: dict[str, Any], head: str = "") -> dict[str, float]:
    """Numbers by their path. ``late`` is the settled window, or the whole run where there is none."""
    out: dict[str, float] = {}
    for key, value in metrics.items():
        if isinstance(value, dict):
            out |= _flat(value, f"{head}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            out[head + key] = float(value)
    if not head:
        out |= _flat(metrics["settled"] or metrics["whole"], "late.")
    return out


def _said(found: dict[str, Any] | None, digits: int) -> str:
    if found is None:
        return "–"
    half = "" if found["half_95"] is None else f" ± {found['half_95']:,.{digits}f}"
    return f"{found['mean']:,.{digits}f}{half}"


def _page(report: Several) -> str:
    m, found = report.metrics, report.metrics["figures"]
    badges = [origin_badge(m["origin"])]
    for name, value in (("scenario", m["scenario"]), ("sha256", (m["scenario_sha256"] or "")[:12])):
        if value:
            badges.append(f'<span class="badge">{name} {escape(value)}</span>')
    if m["seeds"]:
        badges.append(f'<span class="badge">seeds {", ".join(str(seed) for seed in m["seeds"])}</span>')
    badges.append(f'<span class="badge">n = {m["runs"]} runs</span>')
    head = (
        f'<header><h1>Tracks against truth, over {m["runs"]} runs</h1><div class="badges">{"".join(badges)}</div>'
        "<p>Each figure is a mean over runs ± half its 95 % interval (ratios of means: jackknife).</p></header>"
    )
    tiles = "".join(
        tile(name, shown(found[key]["mean"], digits), unit, f"± {shown(found[key]['half_95'], digits)}")
        for name, key, unit, digits in MAIN
        if key in found
    )
    rows = [[key, _said(value, 3), _spread(value["values"])] for key, value in found.items()]
    drawn = [panel(figure) for figure in _drawings(report)]
    return document(
        f"lowsky: {m['runs']} runs against truth",
        head + f'<div class="figures">{tiles}</div><div class="plots">{"".join(drawn)}</div>'
        + '<div class="plots wide">' + table("All figures", ["", "mean ± 95 %", "least to most"], rows) + "</div>",
    )  # fmt: skip


def _spread(values: list[float]) -> str:
    return f"{min(values):,.3f} to {max(values):,.3f}"


def _drawings(report: Several) -> list[Figure]:
    found = report.metrics["figures"]
    out = []
    if report.gospa is not None:
        x, mean, least, most = report.gospa
        axes = Axes(float(x[0]) - 1.0, float(x[-1]) + 0.5, top_of(most), "seconds", "GOSPA, m")
        drawing = lines(x, [("line-one", mean)], axes, "GOSPA over time", (least, most))
        key = (("line-one", "mean over runs"), ("band", "least to most"))
        out.append(Figure("gospa", "GOSPA over time", drawing, key))
    rows = [
        (name, np.array(found[key]["values"]), found[key]["mean"], found[key]["half_95"])
        for name, key, _, _ in MAIN
        if key in found
    ]
    key = (("dot-one", "a run"), ("total", "mean"), ("band", "its 95 % interval"))
    out.append(Figure("runs", "Every run", strips(rows, "Every run"), key))
    return out
