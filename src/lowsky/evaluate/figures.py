"""What is drawn of a report: each plot with its title, its key, and a file name for papers."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from lowsky.evaluate.drawing import Drawing, need_matplotlib
from lowsky.evaluate.plot import (
    Axes,
    Life,
    bars,
    distribution,
    ground_map,
    lines,
    reliability_diagram,
    stacked,
    staircases,
    timeline,
    top_of,
)
from lowsky.evaluate.theme import LIGHT, style_sheet
from lowsky.model.measurement import Floats

if TYPE_CHECKING:
    from lowsky.evaluate.report import Report

MOST_LIVES = 48


@dataclass(frozen=True, slots=True)
class Figure:
    """One plot. Key entries are (style, text)."""

    name: str
    title: str
    drawing: Drawing
    key: tuple[tuple[str, str], ...] = ()
    note: str = ""


def seconds_of(series: pl.DataFrame) -> Floats:
    """Seconds after the start of the span."""
    t_ns = series["time"].cast(pl.Int64).to_numpy()
    return np.asarray((t_ns - t_ns[0]) / 1e9 + 1.0)


def write_figures(report: "Report", folder: Path) -> list[Path]:
    """Each figure as SVG and PNG into a folder. Raises ``LowskyError`` where matplotlib is not installed: the SVG
    files are there then."""
    folder.mkdir(parents=True, exist_ok=True)
    style = style_sheet().split("\n")
    light = f"svg{{background:{LIGHT['panel']}}}svg text{{font:12px sans-serif}}" + style[0] + "".join(style[2:])
    written = []
    for figure in figures(report):
        text = figure.drawing.svg().replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        text = text.replace("</title>", f"</title><style>{light}</style>", 1)
        path = folder / f"{figure.name}.svg"
        path.write_text(text + "\n", encoding="utf-8")
        written.append(path)
    need_matplotlib()
    for figure in figures(report):
        figure.drawing.png(folder / f"{figure.name}.png")
        written.append(folder / f"{figure.name}.png")
    return written


def figures(report: "Report") -> list[Figure]:
    """Every plot that the report has something for."""
    made = (
        seen_from_above, gospa, errors_over_time, counts, times, distance, consistency, existence, errors, lives,
    )  # fmt: skip
    return [figure for figure in (make(report) for make in made) if figure is not None]


def seen_from_above(report: "Report") -> Figure:
    false = set(report.false_ids)
    layers = [
        ("truth", list(report.truth_paths.values())),
        ("one", [path for i, path in report.track_paths.items() if i not in false]),
        ("three", [path for i, path in report.track_paths.items() if i in false]),
    ]
    key = (("path-truth", "truth"), ("path-one", "tracks"), ("path-three", "false tracks"))
    picture = ground_map(layers, report.sensor_places, "Ground paths of truth and tracks")
    return Figure("map", "Seen from above", picture, key)


def gospa(report: "Report") -> Figure:
    series, cutoff_m = report.series, report.metrics["cutoff_m"]
    value, half = series["gospa_m"].to_numpy(), 0.5 * cutoff_m**2
    parts = [
        series["localisation_m2"].to_numpy(),
        half * series["missed"].to_numpy(),
        half * series["false"].to_numpy(),
    ]
    total = np.maximum(sum(parts), 1e-12)
    x = seconds_of(series)
    axes = Axes(float(x[0]) - 1.0, float(x[-1]) + 0.5, top_of(value), "seconds", "GOSPA, m")
    styles = ("area-one", "area-two", "area-three")
    key = [("area-one", "error of position"), ("area-two", "missed targets"), ("area-three", "false tracks")]
    told = []
    if "reference_gospa_m" in series.columns:
        told = [("dash-ink", series["reference_gospa_m"].to_numpy())]
        key.append(("dash-ink", "filter that is told every association"))
    layers = [(style, value * part / total) for style, part in zip(styles, parts)]
    drawing = stacked(x, layers, told, axes, "GOSPA over time")
    return Figure("gospa", "GOSPA over time, and what it is made of", drawing, tuple(key))


def errors_over_time(report: "Report") -> Figure | None:
    series = report.series
    rmse = series["rmse_m"].to_numpy()
    if not np.isfinite(rmse).any():
        return None
    x = seconds_of(series)
    curves = [("line-one", rmse)]
    key = [("line-one", "tracks")]
    for column, style, text in (
        ("reference_rmse_m", "line-four", "filter that is told every association"),
        ("bound_m", "dash-ink", "Cramér–Rao bound"),
    ):
        if column in series.columns:
            curves.append((style, series[column].to_numpy()))
            key.append((style, text))
    known = np.concatenate([y[np.isfinite(y)] for _, y in curves])
    top = top_of(np.array([min(float(known.max()), 2.5 * float(np.percentile(known, 95.0)))]))
    axes = Axes(float(x[0]) - 1.0, float(x[-1]) + 0.5, top, "seconds", "rms error, m")
    drawing = lines(x, curves, axes, "Error of position over time")
    return Figure("error", "Error of position over time", drawing, tuple(key))


def counts(report: "Report") -> Figure:
    series = report.series
    x = seconds_of(series)
    named = (
        ("line-truth", "targets", "targets"), ("line-one", "shown", "tracks shown"), ("line-two", "missed", "missed"),
        ("line-three", "false", "false"),
    )  # fmt: skip
    curves = [(style, x, series[column].to_numpy().astype(float)) for style, column, _ in named]
    top = top_of(np.concatenate([y for _, _, y in curves]))
    axes = Axes(float(x[0]) - 1.0, float(x[-1]) + 0.5, top, "seconds", "number")
    key = tuple((style, text) for style, _, text in named)
    return Figure("count", "Targets and tracks", staircases(curves, axes, "Targets and tracks over time"), key)


def times(report: "Report") -> Figure:
    """Share of targets that have a track, over the time since they could be seen."""
    targets = report.targets
    since = "entering coverage" if targets["coverage_s"].is_not_null().any() else "its first row of truth"
    base = targets["coverage_s"] if targets["coverage_s"].is_not_null().any() else pl.Series([0.0] * len(targets))
    n, curves = int(base.is_not_null().sum()), []
    longest = 10.0
    for style, name in (("line-two", "first_track_s"), ("line-one", "confirmed_s")):
        after = np.sort((targets[name] - base).clip(lower_bound=0.0).drop_nulls().to_numpy())
        longest = max(longest, float(np.percentile(after, 98.0)) * 1.25) if len(after) else longest
        curves.append((style, after, np.arange(1, len(after) + 1) / max(n, 1)))
    longest = np.ceil(longest)
    full = []
    for style, after, share in curves:
        keep = after <= longest
        last = float(share[keep][-1]) if keep.any() else 0.0
        full.append(
            (style, np.concatenate(([0.0], after[keep], [longest])), np.concatenate(([0.0], share[keep], [last])))
        )
    axes = Axes(0.0, float(longest), 1.0, f"seconds after {since}", "share of targets")
    key = (("line-two", "a first track"), ("line-one", "confirmed"))
    return Figure(
        "times", "How soon a target is followed", staircases(full, axes, "How soon a target is followed"), key
    )


def distance(report: "Report") -> Figure | None:
    covered = report.metrics["in_coverage"]
    if covered is None or not covered["by_distance"]:
        return None
    rings = covered["by_distance"]
    axes = Axes(0.0, rings[-1]["to_m"] / 1000.0, 1.0, "slant range of the nearest radar, km", "share of time held")
    edges = [(ring["from_m"] / 1000.0, ring["to_m"] / 1000.0) for ring in rings]
    drawing = bars(edges, [ring["held"] for ring in rings], axes, "Share of time held, by distance")
    return Figure("distance", "How far targets are held", drawing, (("area-one", "time with a shown track"),))


def consistency(report: "Report") -> Figure | None:
    series = report.series
    anees, half = series["anees"].to_numpy(), series["anees_half_band"].to_numpy()
    if not np.isfinite(anees).any():
        return None
    x = seconds_of(series)
    top = top_of(np.array([min(max(2.0, float(np.nanmax(anees))), 4.0)]))
    axes = Axes(float(x[0]) - 1.0, float(x[-1]) + 0.5, top, "seconds", "NEES ÷ 6")
    one = np.where(np.isfinite(anees), 1.0, np.nan)
    drawing = lines(
        x, [("dash-ink", one), ("line-one", anees)], axes, "Consistency over time", (1.0 - half, 1.0 + half)
    )
    key = (
        ("line-one", "mean over targets"),
        ("band", "95 % band of that second"),
        ("dash-ink", "errors as large as said"),
    )
    return Figure("nees", "Are errors as large as they are said to be?", drawing, key)


def existence(report: "Report") -> Figure | None:
    told = report.reliability
    if told is None:
        return None
    drawing = reliability_diagram(told.claimed, told.found, told.count.astype(float), "Reliability of existence")
    key = (("line-one", f"{len(told.count)} bins of equally many rows"), ("dash-ink", "as often as claimed"))
    return Figure("existence", "Does what is claimed exist?", drawing, key)


def errors(report: "Report") -> Figure | None:
    found = report.errors_m
    if not len(found):
        return None
    marks = [(f"{q} % within {np.percentile(found, q):.1f} m", float(np.percentile(found, q))) for q in (50, 95)]
    most = max(float(np.percentile(found, 99.0)) * 1.1, 1e-3)
    axes = Axes(0.0, most, 1.0, "3-D distance from the truth, m", "share")
    drawing = distribution(found, axes, marks, "Distribution of the error of position")
    return Figure(
        "errors", f"Error of position, {len(found):,} pairs", drawing, (("bar", "how often"), ("total", "up to"))
    )


def lives(report: "Report") -> Figure:
    """The targets in order of appearance; where there are too many, those least followed."""
    targets = report.targets.with_columns((pl.col("held") / pl.col("seconds").clip(1)).alias("share"))
    ids = targets.sort("share", "target_id").head(MOST_LIVES)["target_id"].to_list()
    rows = [row for row in targets.iter_rows(named=True) if row["target_id"] in set(ids)]
    rows.sort(key=lambda row: (report.there.get(row["target_id"], [(0, 0)])[0], row["target_id"]))
    made = [
        Life(
            f"{row['target_id']} {row['class'] or ''}".strip(),
            report.there.get(row["target_id"], []), report.followed.get(row["target_id"], []),
        )
        for row in rows
    ]  # fmt: skip
    title = (
        "Every target over time" if len(ids) == len(targets) else f"The {len(ids)} targets least followed, over time"
    )
    key = (("held", "held by a track"), ("lost", "there, not held"), ("total", "its track is another"))
    return Figure("timeline", title, timeline(made, report.metrics["seconds"], title), key)
