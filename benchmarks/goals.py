"""The table of goals: what was to be reached, what was found, whether it holds, from the parts' JSON.

`python -m benchmarks.goals [FOLDER] [--json OUT] [--markdown OUT]`; FOLDER (``artefacts/bench``) holds what the parts
of `make bench` wrote, of which ``PARTS`` are read here. Any further part may bring rows of its own: every JSON file
there with a list ``goals`` of ``{"what", "goal", "found", "holds", "n"}`` is taken in, so late data adds its rows by
writing them. A part that was not run leaves its rows open.

A goal holds when the mean does; the interval is published beside it. Everything is simulated.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER = Path("artefacts/bench")
Part = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One goal. ``holds`` None: not measured, or judged by a reader."""

    what: str
    goal: str
    found: str
    holds: bool | None
    n: str = ""


def said(value: float, half: float | None = None, digits: int = 3) -> str:
    text = f"{value:.{digits}f}"
    return text if half is None or not math.isfinite(half) else f"{text} ± {half:.{digits}f}"


def at_most(part: Part, what: str, key: str, most: float, digits: int = 3) -> Row:
    half = part.get(f"{key}_95")
    return Row(what, f"≤ {most:g}", said(part[key], half, digits), part[key] <= most, seeds(part))


def between(part: Part, what: str, key: str, low: float, high: float, digits: int = 3) -> Row:
    found = said(part[key], part.get(f"{key}_95"), digits)
    return Row(what, f"{low:g} to {high:g}", found, low <= part[key] <= high, seeds(part))


def seeds(part: Part) -> str:
    return f"{part.get('seeds', '?')} (n = {part.get('n', '?')})"


def ratios(found: Part) -> Iterator[Row]:
    """GOSPA beside the filter that is told every association."""
    settled = {"S1": 1.02, "S2": 1.02, "S3": 1.25, "S4": 1.04, "S5": 1.05, "S7": 1.40, "S8": 1.15}
    for name, most in settled.items():
        if name in found:
            yield at_most(found[name], f"{name}: settled GOSPA ÷ oracle", "settled_ratio", most)
    for name in found:
        if name not in settled:
            value, half = found[name]["settled_ratio"], found[name]["settled_ratio_95"]
            yield Row(f"{name}: settled GOSPA ÷ oracle", "no goal", said(value, half), None, seeds(found[name]))
    if "S5" in found:
        yield at_most(found["S5"], "S5: whole GOSPA ÷ oracle", "whole_ratio", 1.10)
    for name, most in (("S3", 100.0),):
        if name in found:
            yield at_most(found[name], f"{name}: identity switches", "switches", most, 1)
    for name, most in (("S4", 0.05), ("S7", 0.5)):
        if name in found:
            yield at_most(found[name], f"{name}: false tracks at a time, settled", "settled_false", most, 2)


def formation(found: Part) -> Iterator[Row]:
    """S9's windows at two and one standard deviation."""
    part = found.get("S9")
    if part is None:
        return
    for first, spacing, count, extent in ((90, "2 σ", 0.05, (0.95, 1.05)), (170, "1 σ", 0.10, (0.90, 1.10))):
        yield at_most(part, f"S9, {spacing}: count error", f"count_error_{first}", count)
        yield between(part, f"S9, {spacing}: extent ratio", f"extent_ratio_{first}", *extent)


def accuracy(found: Part) -> Iterator[Row]:
    """Beside the bound where motion is matched; beside the filter told everything in manoeuvres, which have none."""
    for name in ("S1", "S5", "S2"):
        if name in found:
            yield at_most(found[name], f"{name}: position RMSE ÷ Cramér–Rao bound", "bound_ratio", 1.10)
    if "S4" in found:
        yield at_most(found["S4"], "S4 (manoeuvres): position RMSE ÷ oracle's", "rmse_ratio", 1.25)


def truthfulness(found: Part) -> Iterator[Row]:
    """Consistency and calibration, scenario by scenario."""
    for name, part in found.items():
        told = f" (oracle {part['oracle_settled_anees']:.2f}; 99 %-trimmed {part['anees_trimmed']:.2f})"
        row = between(part, f"{name}: ANEES", "settled_anees", 0.8, 1.25, 2)
        yield Row(row.what, row.goal, row.found + told, row.holds, row.n)
    for name, part in found.items():
        told = f"{part['nis']:.2f}, lag 1 {part['nis_lag_1']:+.2f}"
        yield Row(f"{name}: NIS ÷ dimension, plots of targets", "no goal", told, None, seeds(part))
    for name, part in found.items():
        row = between(part, f"{name}: inside 95 % ellipsoid", "settled_inside_95", 0.93, 0.97)
        told = f" (oracle {part['oracle_settled_inside_95']:.3f})"
        yield Row(row.what, row.goal, row.found + told, row.holds, row.n)
    for name, part in found.items():
        yield at_most(part, f"{name}: existence ECE, every hypothesis", "ece", 0.02, 4)
        row = at_most(part, f"{name}: existence ECE on 0.05–0.95", "ece_middle", 0.05)
        yield Row(row.what, row.goal, f"{row.found}, {told_by_chance(part)}", row.holds, row.n)


def told_by_chance(part: Part) -> str:
    """How many doubtful rows there are, and the error that perfect claims of as many independent ones would have."""
    return f"{part.get('ece_middle_rows', 0.0):,.0f} rows, chance {part.get('ece_middle_floor', math.nan):.3f}"


def mixture(found: Part) -> Iterator[Row]:
    """Beside the mixture filter."""
    for name, part in found.items():
        value, half = part["settled_pmbm_ratio"], part["settled_pmbm_ratio_95"]
        yield Row(f"{name}: settled GOSPA ÷ PMBM", "≤ 1.05", said(value, half), value <= 1.05, seeds(part))


def speed(found: Part) -> Iterator[Row]:
    """Memory of a track, and what a look costs, from ``benchmarks.tracker_speed``."""
    if "bytes_per_track" in found:
        size = found["bytes_per_track"]
        yield Row("bytes per track", "≤ 2000", f"{size:.0f}", size <= 2000)
    for key in ("look_p50_ms", "look_p99_ms"):
        if key in found:
            yield Row(f"{found['targets']} targets: {key.replace('_', ' ')}", "no goal", f"{found[key]:.2f}", None)


def side_by_side(found: Part) -> Iterator[Row]:
    """Detections a second ÷ Stone Soup's, in one run, from ``benchmarks.peers``."""
    for name, least in (("S2", 250.0), ("S3", 1000.0)):
        if name in found:
            part = found[name]
            text = f"{part['speed_ratio']:.0f} ± {part['speed_ratio_95']:.0f}"
            n = f"{found.get('seeds', '?')} (n = {part['n']})"
            yield Row(f"{name}: detections/s ÷ Stone Soup", f"≥ {least:g}", text, part["speed_ratio"] >= least, n)


def registered(found: Part) -> Iterator[Row]:
    """Errors of a radar after half an hour of ADS-B, from ``benchmarks.registration``."""
    for name, part in found.items():
        if isinstance(part, dict):
            times = part["rms"] / part["bound"]
            text, n = f"{part['rms']:.3g} rms, {part['worst']:.3g} at worst", found["seeds"]
            yield Row(f"registration by ADS-B: {name}", f"≤ {part['goal']:g}", text, part["rms"] <= part["goal"], n)
            # the bound takes reports' errors for white, as they are in this scene; the tracker allows for lasting ones
            yield Row(f"registration by ADS-B: {name} ÷ bound", "≤ 1.5", said(times, digits=2), times <= 1.5, n)


def by_bearings(found: Part) -> Iterator[Row]:
    """Objects that bearings alone place, from ``benchmarks.bearings``."""
    for case in ("moving", "hovering", "emitters"):
        if case in found:
            value, half = found[case]["ratio"]
            n = f"n = {found[case]['seeds']}"
            yield Row(f"bearings, {case}: error ÷ bound", "≤ 1.3", said(value, half, 2), value <= 1.3, n)
    if "emitters" in found:
        value, half = found["emitters"]["ghost"]
        n = f"n = {found['emitters']['seeds']}"
        yield Row("bearings, five emitters: time with a ghost", "≤ 0.01", said(value, half), value <= 0.01, n)


def scale(found: Part) -> Iterator[Row]:
    """Costs and their growth, from ``benchmarks.tracker_scale``; one seed."""
    for part, key, what, goal, is_most in (
        ("kernels", "sum_ns_at_1000", "kernels at 1,000 tracks, ns per track", 150.0, True),
        ("kernels", "sum_ns_at_10000", "kernels at 10,000 tracks, ns per track", 300.0, True),
        ("kernels", "growth_of_look_100_to_10000", "cost per track, 100 → 10,000, whole look", 1.3, True),
        ("kernels", "growth_of_kernels_100_to_10000", "cost per track, 100 → 10,000, kernels", 1.3, True),
        ("swarm", "look_p99_ms", "S3: p99 of a look, ms", 5.0, True),
        ("scale", "times_real_time", "10,000 tracks, three radars, one core: × real time", 1.0, False),
        ("sensors", "look_p99_ms", "1,000 objects, 8 radars, 20 looks/s: p99 of a look, ms", 50.0, True),
    ):
        if part in found:
            value, sign = found[part][key], "≤" if is_most else "≥"
            holds = value <= goal if is_most else value >= goal
            yield Row(what, f"{sign} {goal:g}", f"{value:.3g}", holds, str(found["seed"]))
    if "day" in found:
        grown = found["day"]["mib_after_24_h"] - found["day"]["mib_after_1_h"]
        yield Row("a simulated day: memory after it − after an hour, MiB", "flat", f"{grown:+.1f}", None)


PARTS: dict[str, tuple[Callable[[Part], Iterator[Row]], ...]] = {
    "tracking": (ratios, formation, accuracy, truthfulness),
    "pmbm": (mixture,),
    "tracker": (speed,),
    "peers": (side_by_side,),
    "registration": (registered,),
    "bearings": (by_bearings,),
    "tracker-scale": (scale,),
}


def rows_of(folder: Path) -> list[Row]:
    """All rows of all parts that were run, in the order of the goals; then those that parts bring themselves."""
    rows = []
    files = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    for part, makers in PARTS.items():
        if part not in files:
            rows.append(Row(f"`{part}`", "", "not run", None))
            continue
        for make in makers:
            rows += list(make(files[part]))
    for name, found in files.items():
        if name not in PARTS and isinstance(found, dict):
            rows += [Row(**row) for row in found.get("goals", ())]
    return rows


def markdown(rows: list[Row]) -> str:
    mark = {True: "yes", False: "**no**", None: ""}
    lines = ["| what (simulated) | goal | found, mean ± 95 % | holds | seeds |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {row.what} | {row.goal} | {row.found} | {mark[row.holds]} | {row.n} |" for row in rows]
    judged = [row.holds for row in rows if row.holds is not None]
    return "\n".join([*lines, "", f"{sum(judged)} of {len(judged)} hold."]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    asked = parser.parse_args()
    rows = rows_of(asked.folder)
    print(markdown(rows), end="")
    if asked.json:
        asked.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    if asked.markdown:
        asked.markdown.write_text(markdown(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
