"""The report as one self-contained page: no script, nothing fetched, every text escaped."""

from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

import polars as pl

from lowsky.evaluate.figures import Figure, figures
from lowsky.evaluate.theme import style_sheet

if TYPE_CHECKING:
    from lowsky.evaluate.report import Report

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
WORST = 8


def page(report: "Report") -> str:
    """The whole page as text."""
    m, drawn = report.metrics, {figure.name: figure for figure in figures(report)}
    body = (
        _header(m)
        + _figures(m)
        + _plots([drawn["map"]], "plots wide")
        + _chapter("Tracking", "How near the picture is to the truth, and what is missing or too much in it.")
        + ("" if "error" in drawn else '<p class="note">No track was assigned to a target.</p>')
        + _plots([drawn.get(name) for name in ("gospa", "error", "count", "errors")])
        + _plots([drawn["timeline"]], "plots wide")
        + _tables(_windows(m), _air_picture(m))
        + _chapter("Detection", "How soon and how far a target is followed, and what else is shown.")
        + _plots([drawn.get(name) for name in ("times", "distance")])
        + _tables(_times_table(m), _by_class(report.targets), _worst(report.targets))
        + _chapter("Does it tell the truth about itself?", "Stated uncertainties and probabilities.")
        + _plots([drawn.get(name) for name in ("nees", "existence")])
        + _tables(_consistency(m), _existence(m), _nis(m))
        + _identification(m)
        + _fine_print(m)
    )  # fmt: skip
    return document("lowsky: tracks against truth", body)


def document(title: str, body: str) -> str:
    """A page around its body: the style sheet and the policy that lets nothing in."""
    style = style_sheet() + "\n" + (resources.files("lowsky.evaluate") / "page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def origin_badge(origin: str) -> str:
    text, style = (origin, "origin") if origin != "not stated" else ("origin not stated", "doubt")
    return f'<span class="badge {style}">{escape(text)}</span>'


def _header(m: dict[str, Any]) -> str:
    badges = [origin_badge(m["origin"])]
    if m["scenario"]:
        badges.append(f'<span class="badge">scenario {escape(m["scenario"])}</span>')
    if m["scenario_sha256"]:
        badges.append(f'<span class="badge">sha256 {escape(m["scenario_sha256"][:12])}</span>')
    if m["seeds"]:
        badges.append(f'<span class="badge">seed {", ".join(str(seed) for seed in m["seeds"])}</span>')
    badges.append('<span class="badge">n = 1 run</span>')
    start, end = m["from"].replace("T", " ").removesuffix("Z"), m["to"].replace("T", " ").removesuffix("Z")
    said = f"{start} to {end} UTC · {m['seconds']:,} s · {m['targets']:,} targets · {m['tracks_shown']:,} tracks shown"
    chips = f'<div class="badges">{"".join(badges)}</div>'
    return f"<header><h1>Tracks against truth</h1>{chips}<p>{escape(said)}</p></header>"


def shown(value: float | int | None, digits: int = 1, unit: str = "") -> str:
    """A figure for people; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,.{digits}f}{unit}"


def _percent(value: float | None, digits: int = 1) -> str:
    return shown(None if value is None else 100.0 * value, digits)


def tile(name: str, value: str, unit: str, note: str) -> str:
    small = f"<small>{escape(unit)}</small>" if unit else ""
    return (
        f'<div class="figure"><div class="name">{escape(name)}</div>'
        f'<div class="value">{escape(value)}{small}</div><div class="note">{escape(note)}</div></div>'
    )


def _figures(m: dict[str, Any]) -> str:
    whole, settled, reference = m["whole"], m["settled"], m["reference"] or {}
    late, exists = settled or whole, m["existence"] or {}
    confirmed, false = m["confirmed_s"], m["false_tracks"]
    label = f"from {m['settled_from_s']:g} s" if settled else "whole run"
    never = f"{confirmed['never']} never" if confirmed["never"] else "every target"
    gospa = f"{label}; whole {shown(whole['gospa_m'])} m"
    if reference.get("gospa_ratio"):
        gospa = f"{shown(reference['gospa_ratio'], 2)} × told every association"
    error = f"rms; 3-D {shown(late['rmse_m'])} m"
    if reference.get("bound_ratio"):
        error += f", {shown(reference['bound_ratio'], 2)} × bound"
    elif reference.get("rmse_ratio"):
        error += f", {shown(reference['rmse_ratio'], 2)} × told all"
    return (
        '<div class="figures">'
        + tile("GOSPA", shown(late["gospa_m"]), "m", gospa)
        + tile("Horizontal error", shown(late["rmse_horizontal_m"]), "m", error)
        + tile("Time held", _percent(whole["completeness"]), "%", f"{shown(whole['missed'], 2)} missed at a time")
        + tile("False tracks", shown(false["count"], 0), "", f"{shown(whole['false'], 2)} shown at a time")
        + tile("Confirmed after", shown(confirmed["median"]), "s", f"median; {never}")
        + tile("Switches", shown(m["identity_switches"], 0), "", "of a target's track")
        + tile("ANEES", shown(late["anees"], 2), "", f"{_percent(late['inside_95'])} % in 95 % ellipsoid")
        + tile(
            "Existence off by", shown(exists.get("ece"), 3), "", f"{shown(exists.get('ece_middle'), 3)} where in doubt"
        )
        + "</div>"
    )


def _chapter(title: str, text: str) -> str:
    return f"<h2>{escape(title)}</h2><p>{escape(text)}</p>"


def _plots(chosen: list[Figure | None], style: str = "plots") -> str:
    return f'<div class="{style}">' + "".join(panel(figure) for figure in chosen if figure is not None) + "</div>"


def panel(figure: Figure) -> str:
    legend = "".join(f'<span><i class="{style}"></i>{escape(text)}</span>' for style, text in figure.key)
    legend = f'<p class="key">{legend}</p>' if legend else ""
    drawn = f'<div class="scroll" id="{figure.name}">{figure.drawing.svg()}</div>'
    return f"<section><h3>{escape(figure.title)}</h3>{legend}{drawn}</section>"


def _tables(*made: str) -> str:
    return '<div class="plots">' + "".join(made) + "</div>"


def table(title: str, head: list[str], rows: list[list[str]], style: str = "", note: str = "") -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    after = f'<p class="note">{escape(note)}</p>' if note else ""
    return (
        f'<section><h3>{escape(title)}</h3><div class="scroll"><table class="{style}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{after}</section>"
    )


WINDOW_ROWS = (
    ("GOSPA, m", "gospa_m", 1),
    ("missed targets, mean", "missed", 2),
    ("false tracks, mean", "false", 2),
    ("completeness", "completeness", 3),
    ("RMS error, m", "rmse_m", 1),
    ("RMS horizontal, m", "rmse_horizontal_m", 1),
    ("RMS vertical, m", "rmse_vertical_m", 1),
    ("ANEES", "anees", 2),
    ("inside 95 % ellipsoid", "inside_95", 3),
    ("… where another target is nearer to the track", "contested", 3),
    ("ANEES without these", "anees_own", 2),
    ("inside 95 % ellipsoid without these", "inside_95_own", 3),
)


def _windows(m: dict[str, Any]) -> str:
    settled, reference = m["settled"] or {}, m["reference"] or {}
    rows = [
        [text, shown(m["whole"][key], digits), shown(settled.get(key), digits)] for text, key, digits in WINDOW_ROWS
    ]
    rows += [[f"GOSPA at {c} m, m", shown(m[f"gospa_c{c}_m"]), "–"] for c in (50, 20)]
    named = (
        ("told every association: GOSPA, m", "gospa_m", 1), ("GOSPA ÷ that", "gospa_ratio", 3),
        ("told every association: RMS, m", "rmse_m", 1), ("Cramér–Rao bound, m", "bound_m", 1),
        ("RMS error ÷ bound", "bound_ratio", 3),
    )  # fmt: skip
    rows += [[text, "–", shown(reference[key], digits)] for text, key, digits in named if key in reference]
    return table("Accuracy", ["", "whole run", f"from {m['settled_from_s']:g} s"], rows)


def _air_picture(m: dict[str, Any]) -> str:
    found, whole, form = m["siap"], m["trajectory_gospa"], m["surveillance"]
    rows = []
    if whole is not None:
        switches = f"{shown(whole['switches'])} changes of track"
        rows.append([f"trajectory GOSPA (γ {whole['gamma_m']:g} m), m", shown(whole["value_m"]), switches])
    rows += [
        [
            f"OSPA(2), {m['ospa2']['window_s']} s window, m",
            shown(m["ospa2"]["mean_m"]),
            f"worst {shown(m['ospa2']['worst_m'])}",
        ],
        ["identity switches", shown(m["identity_switches"], 0), ""],
        ["SIAP completeness", shown(found["completeness"], 3), "ideal 1"],
        ["SIAP ambiguity", shown(found["ambiguity"], 3), "ideal 1"],
        ["SIAP spuriousness", shown(found["spuriousness"], 3), "ideal 0"],
        ["changes of track number, per hour", shown(found["track_number_changes_per_hour"]), "ideal 0"],
        ["longest segment", shown(found["longest_segment"], 3), "ideal 1"],
        ["velocity accuracy, m/s", shown(found["velocity_accuracy_mps"]), "mean"],
        ["probability of update", _percent(form["probability_of_update"]) + " %", "each second"],
        ["horizontal error, 95 %, m", shown(form["horizontal_p95_m"]), ""],
        ["time in long gaps", _percent(form["long_gap_share"], 2) + " %", f"{form['long_gaps']} over 3.3 updates"],
        ["false reports per 450 updates", shown(form["false_reports_per_450_updates"]), ""],
    ]
    return table("Continuity and air picture", ["", "", ""], rows)


def _times_table(m: dict[str, Any]) -> str:
    rows = [
        [text, shown(found["median"]), shown(found["p95"]), shown(found["worst"]), str(found["never"])]
        for text, found in (("first track", m["first_track_s"]), ("confirmed", m["confirmed_s"]))
    ]
    covered = m["in_coverage"]
    if covered is not None:
        rows += [
            [
                f"{text}, from coverage",
                shown(found["median"]),
                shown(found["p95"]),
                shown(found["worst"]),
                str(found["never"]),
            ]
            for text, found in (("first track", covered["first_track_s"]), ("confirmed", covered["confirmed_s"]))
        ]
    false = m["false_tracks"]
    note = f"False tracks: {false['count']:,} in {m['seconds'] / 3600:.2f} h, {false['per_hour']:,.1f} an hour."
    if covered is not None and covered["held"] is not None:
        note += (
            f" Held while in coverage: {_percent(covered['held'])} % of {covered['target_seconds']:,} target-seconds."
        )
    return table("Seconds until a target has", ["", "median", "95 %", "worst", "never"], rows, note=note)


def _by_class(targets: pl.DataFrame) -> str:
    groups = (
        targets.with_columns(pl.col("class").fill_null("not stated"))
        .group_by("class")
        .agg(
            pl.len().alias("n"),
            pl.col("first_track_s").median(),
            pl.col("confirmed_s").median().alias("confirmed_s"),
            pl.col("held").sum(),
            pl.col("seconds").sum(),
            pl.col("switches").sum(),
        )
        .sort("class")
    )
    rows = [
        [r["class"], str(r["n"]), shown(r["first_track_s"]), shown(r["confirmed_s"]),
         _percent(r["held"] / r["seconds"]) if r["seconds"] else "–", str(r["switches"])]
        for r in groups.iter_rows(named=True)
    ]  # fmt: skip
    return table("By class", ["class", "n", "first, s", "confirmed, s", "held, %", "switches"], rows)


def _worst(targets: pl.DataFrame) -> str:
    """The targets least followed, so that a reader knows where to look first."""
    ordered = targets.with_columns((pl.col("held") / pl.col("seconds").clip(1)).alias("share"))
    ordered = ordered.sort("share", "target_id").head(WORST)
    rows = [
        [str(r["target_id"]), r["class"] or "not stated", shown(r["confirmed_s"]),
         f"{r['held']} of {r['seconds']}", shown(r["switches"], 0)]
        for r in ordered.iter_rows(named=True)
    ]  # fmt: skip
    return table(
        "Least followed", ["target", "class", "confirmed, s", "seconds held", "switches"], rows, "second-is-text"
    )


def _consistency(m: dict[str, Any]) -> str:
    parts = m["consistency"]
    if not parts["state"]["n"]:
        return ""

    def row(name: str, found: dict[str, Any]) -> list[str]:
        low, high = found["band_95"] or (None, None)
        return [
            name,
            shown(found["mean"], 2),
            f"{shown(low, 2)}–{shown(high, 2)}",
            shown(found["trimmed_99"], 2),
            shown(found["lag_1"], 2),
        ]

    rows = [row("state, 6", parts["state"]), row("position, 3", parts["position"])]
    note = f"{parts['state']['n']:,} pairs. The band allows for the correlation of neighbouring seconds (lag 1)."
    return table("NEES ÷ dimension", ["", "mean", "95 % band", "99 %-trimmed", "lag 1"], rows, note=note)


def _existence(m: dict[str, Any]) -> str:
    found = m["existence"]
    if found is None:
        return ""
    parts = found["brier_parts"]
    rows = [
        [
            "expected calibration error",
            shown(found["ece"], 3),
            f"{found['n']:,} rows; chance {shown(found['ece_floor'], 3)}",
        ],
        [
            "the same, claims of 0.05–0.95",
            shown(found["ece_middle"], 3),
            f"{found['n_middle']:,} rows; chance {shown(found['ece_middle_floor'], 3)}",
        ],
        ["claimed and found there", shown(found["middle_claimed"], 2), shown(found["middle_found"], 2)],
        ["Brier score", shown(found["brier"], 4), f"base rate alone {shown(parts['uncertainty'], 4)}"],
        ["its reliability and resolution", shown(parts["reliability"], 4), shown(parts["resolution"], 4)],
        ["probabilistic GOSPA, m", shown(found["probabilistic_gospa_m"]), ""],
    ]
    return table(
        "Existence",
        ["", "", ""],
        rows,
        note=f"Over {found['rows']} at whole seconds. Chance: what perfect claims would have.",
    )


def _nis(m: dict[str, Any]) -> str:
    if not m["nis"]:
        return ""
    rows = []
    for sensor, found in m["nis"].items():
        low, high = found["band_95"] or (None, None)
        rows.append(
            [
                sensor,
                f"{found['n']:,}",
                shown(found["mean"], 2),
                f"{shown(low, 2)}–{shown(high, 2)}",
                shown(found["lag_1"], 2),
            ]
        )
    return table("NIS ÷ dimension, by sensor", ["sensor", "n", "mean", "95 % band", "lag 1"], rows)


def _identification(m: dict[str, Any]) -> str:
    said = m["class"]
    if said is None:
        return ""
    rows = [[name, _percent(said[name]) + " %"] for name in ("right", "unknown", "wrong")]
    head = _chapter("Identification", "What a track is said to be, over the seconds in which it is a target's.")
    return head + _tables(table("Class shown", ["", f"of {said['n']:,} seconds"], rows))


def _fine_print(m: dict[str, Any]) -> str:
    bad = m["covariances_not_positive_definite"]
    odd = f"<p>{bad:,} covariances were not positive definite and are left out of ANEES.</p>" if bad else ""
    if m["rows_without_position"]:
        odd += f"<p>{m['rows_without_position']:,} rows have no position (bearing only) and are not scored.</p>"
    if m["rows_superseded"]:
        odd += f"<p>{m['rows_superseded']:,} rows were left out: a later row has the same track and time.</p>"
    c = m["cutoff_m"]
    data = "origin not stated" if m["origin"] == "not stated" else m["origin"]
    return (
        '<section class="fine"><h3>How this was measured</h3>'
        f"<p>Data: <b>{escape(data)}</b>. <b>One run</b>; neighbouring seconds are not independent, so compare "
        "trackers over ten seeds or more. A track counts at a second if its latest row is confirmed or coasting and at "
        f"most {m['max_age_s']:g} s old, carried to the second with its velocity. <b>GOSPA</b> (p = 2, α = 2, "
        f"c = {c:g} m) is √(Σ d² + c²/2 · (missed + false)) over 3-D positions with the exact optimal assignment, "
        "averaged over whole seconds and not divided by the number of targets. In the plot its height is divided among "
        "its three parts in proportion to their squares.</p>"
        f"<p><b>Identity switches</b>: a pair lives on while closer than {c:g} m; a target whose track is another than "
        "its last one counts one. <b>Trajectory GOSPA</b>: one assignment for the whole run, in which each change "
        "costs γ². <b>ANEES</b> is mean(eᵀP⁻¹e)/6 over assigned pairs at rows of exactly that second: 1 is consistent, "
        "above is over-confident. A <b>false track</b> is one that was shown and never assigned. Times count from a "
        "target's first row of truth, or from when a radar of the site with a detection probability above a half has "
        "it in reach, to the next whole second. A row <b>is real</b> where the best matching of probabilistic GOSPA "
        "gives it a target.</p>"
        "<p>Chapters follow the open method CWA 18150 (COURAGEOUS): detection, tracking, identification; some rows "
        "EUROCONTROL-SPEC-0147. No compliance with either is claimed.</p>"
        f"{odd}<p>lowsky {escape(m['lowsky'])}</p></section>"
    )
