"""The report as one self-contained page: no script, nothing fetched, every text escaped."""

from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from lowsky.evaluate.plot import Axes, distribution, ground_map, stacked, staircases, top_of
from lowsky.model.measurement import Floats

if TYPE_CHECKING:
    from lowsky.evaluate.report import Report

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
WORST = 8


def page(report: "Report") -> str:
    """The whole page as text."""
    m = report.metrics
    style = (resources.files("lowsky.evaluate") / "page.css").read_text(encoding="utf-8")
    body = (
        f"<header><h1>Tracks against truth</h1>"
        f'<span class="badge">{escape(_origin(m["origin"]))}</span><p>{_subtitle(m)}</p></header>'
        + _figures(m)
        + '<div class="plots">' + _gospa(report) + _counts(report) + "</div>"
        + '<div class="plots wide">' + _map(report) + "</div>"
        + '<div class="plots"><div class="stack">' + _errors(report) + _by_class(report.targets) + "</div>"
        + '<div class="stack">' + _windows(m) + "</div></div>"
        + '<div class="plots wide">' + _worst(report.targets) + "</div>"
        + _fine_print(m)
    )  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>lowsky: tracks against truth</title><style>{style}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _origin(origin: str) -> str:
    return "origin not stated" if origin == "not stated" else origin


def _subtitle(m: dict[str, Any]) -> str:
    start, end = m["from"].replace("T", " ").removesuffix("Z"), m["to"].replace("T", " ").removesuffix("Z")
    text = f"{start} to {end} UTC · {m['seconds']} s · {m['targets']} targets · {m['tracks_shown']} tracks shown"
    return escape(text)


def shown(value: float | int | None, digits: int = 1, unit: str = "") -> str:
    """A figure for people; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,.{digits}f}{unit}"


def _figure(name: str, value: str, unit: str, note: str) -> str:
    small = f"<small>{escape(unit)}</small>" if unit else ""
    return (
        f'<div class="figure"><div class="name">{escape(name)}</div>'
        f'<div class="value">{escape(value)}{small}</div><div class="note">{escape(note)}</div></div>'
    )


def _figures(m: dict[str, Any]) -> str:
    whole, settled = m["whole"], m["settled"]
    late = settled or whole
    confirmed, false = m["confirmed_s"], m["false_tracks"]
    label = f"settled, from {m['settled_from_s']:g} s" if settled else "whole run"
    share = None if whole["completeness"] is None else 100.0 * whole["completeness"]
    inside = None if late["inside_95"] is None else 100.0 * late["inside_95"]
    never = f"{confirmed['never']} never" if confirmed["never"] else "every target"
    return (
        '<div class="figures">'
        + _figure("GOSPA", shown(late["gospa_m"]), "m", f"{label}; whole {shown(whole['gospa_m'])} m")
        + _figure("Horizontal error", shown(late["rmse_horizontal_m"]), "m rms", f"3-D {shown(late['rmse_m'])} m")
        + _figure("Targets held", shown(share), "%", f"{shown(whole['missed'], 2)} missed at a time")
        + _figure("False tracks", shown(false["count"], 0), "", f"{shown(whole['false'], 2)} at a time")
        + _figure("Confirmed after", shown(confirmed["median"]), "s", f"median; {never}")
        + _figure("Identity switches", shown(m["identity_switches"], 0), "", "whole run")
        + _figure("ANEES", shown(late["anees"], 2), "", f"{shown(inside)} % inside 95 % ellipsoid")
        + "</div>"
    )


def _panel(title: str, body: str, key: list[tuple[str, str]] | None = None) -> str:
    legend = "".join(f'<span><i class="{name}"></i>{escape(text)}</span>' for name, text in key or [])
    legend = f'<p class="key">{legend}</p>' if legend else ""
    return f"<section><h2>{escape(title)}</h2>{legend}{body}</section>"


def _seconds(series: pl.DataFrame) -> Floats:
    """Seconds after the start of the span."""
    t_ns = series["time"].cast(pl.Int64).to_numpy()
    return np.asarray((t_ns - t_ns[0]) / 1e9 + 1.0)


def _gospa(report: "Report") -> str:
    series, cutoff_m = report.series, report.metrics["cutoff_m"]
    gospa = series["gospa_m"].to_numpy()
    half = 0.5 * cutoff_m**2
    parts = [
        series["localisation_m2"].to_numpy(),
        half * series["missed"].to_numpy(),
        half * series["false"].to_numpy(),
    ]
    total = np.maximum(sum(parts), 1e-12)
    x = _seconds(series)
    axes = Axes(float(x[0]) - 1.0, float(x[-1]) + 0.5, top_of(gospa), "seconds", "GOSPA, m")
    layers = [(name, gospa * part / total) for name, part in zip(("one", "two", "three"), parts)]
    key = [("one", "error of position"), ("two", "missed targets"), ("three", "false tracks")]
    return _panel("GOSPA over time, and what it is made of", stacked(x, layers, axes, "GOSPA over time"), key)


def _counts(report: "Report") -> str:
    series = report.series
    x = _seconds(series)
    lines = [(name, series[column].to_numpy().astype(float)) for name, column in
             (("truth", "targets"), ("one", "shown"), ("two", "missed"), ("three", "false"))]  # fmt: skip
    top = top_of(np.concatenate([y for _, y in lines]))
    axes = Axes(float(x[0]) - 1.0, float(x[-1]) + 0.5, top, "seconds", "number")
    key = [("truth", "targets"), ("one", "tracks shown"), ("two", "missed"), ("three", "false")]
    return _panel("Targets and tracks", staircases(x, lines, axes, "Targets and tracks over time"), key)


def _errors(report: "Report") -> str:
    errors = report.errors_m
    if not len(errors):
        return _panel("Error of position", '<p class="fine">No track was assigned to a target.</p>')
    marks = [
        (f"{q} % within {shown(float(np.percentile(errors, q)))} m", float(np.percentile(errors, q))) for q in (50, 95)
    ]
    most = max(float(np.percentile(errors, 99.0)) * 1.1, 1e-3)
    axes = Axes(0.0, most, 1.0, "3-D distance from the truth, m", "share")
    title = f"Error of position, {len(errors):,} pairs"
    return _panel(title, distribution(errors, axes, marks, "Distribution of the error of position"))


def _map(report: "Report") -> str:
    false = set(report.false_ids)
    layers = [
        ("truth", list(report.truth_paths.values())),
        ("one", [path for i, path in report.track_paths.items() if i not in false]),
        ("three", [path for i, path in report.track_paths.items() if i in false]),
    ]
    picture = ground_map(layers, "Ground paths of truth and tracks")
    return _panel("Seen from above", picture, [("truth", "truth"), ("one", "tracks"), ("three", "false tracks")])


def _table(head: list[str], rows: list[list[str]], style: str = "") -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="{style}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


WINDOW_ROWS = (
    ("GOSPA, m", "gospa_m", 1),
    ("missed targets, mean", "missed", 2),
    ("false tracks, mean", "false", 2),
    ("completeness", "completeness", 3),
    ("RMS error, m", "rmse_m", 1),
    ("  horizontal, m", "rmse_horizontal_m", 1),
    ("  vertical, m", "rmse_vertical_m", 1),
    ("ANEES", "anees", 2),
    ("inside 95 % ellipsoid", "inside_95", 3),
    ("pairs with covariance", "nees_pairs", 0),
)


def _windows(m: dict[str, Any]) -> str:
    settled = m["settled"] or {}
    rows = [
        [text, shown(m["whole"][key], digits), shown(settled.get(key), digits)] for text, key, digits in WINDOW_ROWS
    ]
    rows += [[f"GOSPA at {c} m, m", shown(m[f"gospa_c{c}_m"]), "–"] for c in (50, 20)]
    return _panel("All figures", _table(["", "whole run", f"from {m['settled_from_s']:g} s"], rows))


def _by_class(targets: pl.DataFrame) -> str:
    groups = (
        targets.with_columns(pl.col("class").fill_null("not stated"))
        .group_by("class")
        .agg(
            pl.len().alias("n"),
            pl.col("first_track_s").median(),
            pl.col("confirmed_s").median().alias("confirmed_s"),
            pl.col("held").sum() / pl.col("seconds").sum().clip(1),
            pl.col("switches").sum(),
        )
        .sort("class")
    )
    rows = [
        [r["class"], shown(r["n"], 0), shown(r["first_track_s"]), shown(r["confirmed_s"]),
         shown(100.0 * r["held"]), shown(r["switches"], 0)]
        for r in groups.iter_rows(named=True)
    ]  # fmt: skip
    head = ["class", "targets", "first track, s", "confirmed, s", "held, %", "switches"]
    return _panel("By class (medians of times)", _table(head, rows))


def _worst(targets: pl.DataFrame) -> str:
    """The targets least followed, so that a reader knows where to look first."""
    ordered = targets.with_columns((pl.col("held") / pl.col("seconds").clip(1)).alias("share"))
    ordered = ordered.sort("share", "target_id").head(WORST)
    rows = [
        [str(r["target_id"]), r["class"] or "not stated", shown(r["confirmed_s"]),
         f"{r['held']} of {r['seconds']}", shown(r["switches"], 0)]
        for r in ordered.iter_rows(named=True)
    ]  # fmt: skip
    return _panel(
        "Least followed",
        _table(["target", "class", "confirmed, s", "seconds held", "switches"], rows, "second-is-text"),
    )


def _fine_print(m: dict[str, Any]) -> str:
    said = m["class"]
    classes = (
        ""
        if said is None
        else f"<p>Class shown, over {said['n']:,} assigned seconds: {100 * said['right']:.1f} % right, "
        f"{100 * said['unknown']:.1f} % unknown, {100 * said['wrong']:.1f} % another.</p>"
    )
    bad = m["covariances_not_positive_definite"]
    odd = f"<p>{bad:,} covariances were not positive definite and are left out of ANEES.</p>" if bad else ""
    if m["rows_without_position"]:
        odd += f"<p>{m['rows_without_position']:,} rows have no position (bearing only) and are not scored.</p>"
    if m["rows_superseded"]:
        odd += f"<p>{m['rows_superseded']:,} rows were left out: a later row has the same track and time.</p>"
    c, false = m["cutoff_m"], m["false_tracks"]
    return (
        '<section class="fine"><h2>How this was measured</h2>'
        f"<p>Data: {escape(_origin(m['origin']))}. One run; neighbouring seconds are not independent. A track counts "
        f"at a second if its latest row is confirmed or coasting and at most {m['max_age_s']:g} s old, carried to the "
        f"second with its velocity. GOSPA (p = 2, α = 2, c = {c:g} m) is √(Σ d² + c²/2 · (missed + false)) over 3-D "
        "positions with the exact optimal assignment, averaged over whole seconds and not divided by the number of "
        "targets. In the plot its height is divided among its three parts in proportion to their squares.</p>"
        f"<p>Identity switches: a pair lives on while closer than {c:g} m; a target whose track is another than its "
        "last one counts one. ANEES is mean(eᵀP⁻¹e)/6 over assigned pairs at rows of exactly that second: 1 is "
        "consistent, above is over-confident. A false track is one that was shown and never assigned: "
        f"{false['count']:,} in {m['seconds'] / 3600:.2f} h, {false['per_hour']:,.1f} an hour. Times count from a "
        "target's first row of truth, to the next whole second.</p>"
        f"{classes}{odd}<p>lowsky {escape(m['lowsky'])}</p></section>"
    )
