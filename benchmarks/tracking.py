"""How near is the tracker to the bound? The benchmark scenarios, lowsky beside a filter that is told every association.

`python -m benchmarks.tracking [S1 S2 …] [--seeds 0-9] [--json OUT]`: each scenario is simulated, tracked from its site
file alone in the default configuration, and scored (docs/scenarios.md, "Metrics"); the clairvoyant filter and the lower
bound use the same detections. Ratios are of means over the seeds, their 95 % interval by jackknife (Student t).
Everything is simulated.
"""

import argparse
import json
import math
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import t as student

from benchmarks.innovations import Watch
from lowsky.constants import SECOND_NS
from lowsky.engine.config import parse_site, read_site
from lowsky.engine.offline import Input, Steps, run
from lowsky.engine.pipeline import Pipeline
from lowsky.engine.tracktable import TrackTableWriter
from lowsky.evaluate import evaluate
from lowsky.evaluate.calibration import MIDDLE, reliability_of_cells
from lowsky.evaluate.clairvoyant import Motion, clairvoyant_tracks, detections_of, position_bound_m
from lowsky.evaluate.score import match
from lowsky.evaluate.seconds import SHOWN, common_frame, picture, whole_seconds
from lowsky.evaluate.tables import read_tracks, read_truth
from lowsky.geo.enu import EnuFrame
from lowsky.model.ports import Tick
from lowsky.model.site import Feed, Site
from lowsky.simulate import Simulation, idealised, load_scenario, simulate
from lowsky.track.picture import Hypotheses


@dataclass(frozen=True)
class Case:
    """A scenario, what the clairvoyant filter is told of its motion, and how it is scored."""

    scenario: str
    motion: Motion
    max_age_s: float  # 1.5 looks of the slowest radar
    settled_from_s: float = 20.0
    has_bound: bool = True
    cutoff_m: float = 100.0
    windows_s: tuple[tuple[float, float], ...] = ()  # in which a formation is counted and measured


AGILE = Motion(((0.05, 0.05), (8.0, 1.0)))
CASES = {
    "S1": Case("crossing", Motion(((0.1, 0.01),)), 1.5),
    "S2": Case("raid", Motion(((0.2, 0.02),)), 1.5, 60.0),
    "S3": Case("swarm", Motion(((0.1, 0.01),)), 3.0),
    "S4": Case("multirotors", AGILE, 2.25, has_bound=False),
    "S5": Case("low-observable", Motion(((0.05, 0.005),)), 1.5),
    "S6": Case("mixed", AGILE, 2.25, has_bound=False),
    "S7": Case("patchy", Motion(((0.2, 0.02),)), 1.5, 60.0),
    "S8": Case("biased-late", Motion(((0.1, 0.01),)), 2.25, 120.0),
    "S9": Case(
        "formation", Motion(((0.1, 0.01),)), 1.5, has_bound=False,
        windows_s=((30.0, 60.0), (90.0, 140.0), (170.0, 220.0), (270.0, 300.0)),
    ),
}  # fmt: skip
PLACES = ("azimuth_deg", "latitude_deg")  # a detection has one or the other; a look that saw nothing has neither
CLAIMS = "_claims"  # of a run: not a figure, but what calibration over all runs is made of
FORMATION_CUTOFF_M = 30.0
NEAR_M = 250.0
TOLD = ("gospa_m", "missed", "false", "rmse_m", "anees", "inside_95")


def measure(name: str, seed: int) -> dict[str, float]:
    """Figures of one seed: lowsky's, the clairvoyant filter's (``oracle_``) and the bound."""
    case = CASES[name]
    world = simulate(case.scenario, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(world, parse_site(world.site_toml, "site.toml"), case.cutoff_m)
        tracks, claims, cpu_s = track(world, Path(folder), watch)
        report = evaluate(
            tracks, world.truth, max_age_s=case.max_age_s, cutoff_m=case.cutoff_m, settled_from_s=case.settled_from_s,
            origin="simulated", claims=claims, innovations=watch.innovations(),
        )  # fmt: skip
        cells, ours = report.claims, report.metrics
        held = formation(pl.read_parquet(tracks), world.truth, case.max_age_s, case.windows_s)
    told = reference(name, seed, world)
    figures = {
        "seed": seed,
        "switches": ours["identity_switches"],
        "detections": told.pop("detections"),
        "cpu_s": cpu_s,
    }
    for window in ("whole", "settled"):
        for key in TOLD:
            figures[f"{window}_{key}"] = ours[window][key]
    return figures | told | held | told_of_itself(ours) | {CLAIMS: cells}


def told_of_itself(ours: dict[str, Any]) -> dict[str, float]:
    """NIS over all sensors, trimmed consistency, and metrics over whole trajectories, of lowsky's report."""
    whole, nis = ours["trajectory_gospa"], [found for found in ours["nis"].values() if found["lag_1"] is not None]
    n = np.array([found["n"] for found in nis], float)

    def mean(key: str) -> float:
        return float((n * [found[key] for found in nis]).sum() / n.sum()) if len(n) else math.nan

    return {
        "nis": mean("mean"),
        "nis_lag_1": mean("lag_1"),
        "anees_trimmed": ours["consistency"]["state"]["trimmed_99"] or math.nan,
        "anees_half_band": (ours["consistency"]["state"]["band_95"] or [0.0, math.nan])[1] - 1.0,
        "trajectory_gospa_m": math.nan if whole is None else whole["value_m"],
        "ospa2_m": ours["ospa2"]["mean_m"],
        "confirmed_s": ours["confirmed_s"]["median"],
        "false_tracks_per_hour": ours["false_tracks"]["per_hour"],
    }


def track(world: Simulation, folder: Path, watch: Watch | None = None) -> tuple[Path, pl.DataFrame, float]:
    """lowsky in its default configuration on a simulated run: its track table, everything it held possible at each
    whole second, and CPU seconds, those of asking left out."""
    site_path, table, tracks = (folder / n for n in ("site.toml", "measurements.parquet", "tracks.parquet"))
    site_path.write_text(world.site_toml, encoding="utf-8")
    world.measurements.write_parquet(table)
    site = read_site(site_path)
    source = Input(table, Feed(sensor=site.sensors[0].id, format="table", source=f"file:{table}"))
    claims, asking_s = [], 0.0

    def look(tick: Tick, pipeline: Pipeline) -> None:
        nonlocal asking_s
        if watch is not None and tick.batch is not None and watch.wanted(tick.batch.sensor, tick.batch.t_ns):
            begun_s = time.process_time()
            watch.look(tick.batch.sensor, tick.batch.t_ns, pipeline.snapshot(tick.batch.t_ns))
            asking_s += time.process_time() - begun_s

    def second(second_ns: int, pipeline: Pipeline) -> None:
        nonlocal asking_s
        write.second(second_ns, pipeline)
        begun_s = time.process_time()
        claims.append((second_ns, pipeline.hypotheses(second_ns)))
        asking_s += time.process_time() - begun_s

    started_s = time.process_time()
    with TrackTableWriter(tracks, site) as writer:
        write = Steps(writer)
        run([source], site, write, second, before_step=look)
    return tracks, claims_table(claims, site), time.process_time() - started_s - asking_s


def claims_table(claims: list[tuple[int, Hypotheses]], site: Site) -> pl.DataFrame:
    """Rows for ``evaluate(…, claims=…)``."""
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    x = np.concatenate([np.empty((0, 6)), *(held.x for _, held in claims)])
    geodetic = frame.geodetic(x[:, :3])
    t_ns = np.repeat(np.array([t for t, _ in claims], np.int64), [len(held.existence) for _, held in claims])
    return pl.DataFrame(
        {
            "time": pl.Series(t_ns, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
            "latitude_deg": np.degrees(geodetic[:, 0]),
            "longitude_deg": np.degrees(geodetic[:, 1]),
            "height_m": geodetic[:, 2],
            "existence": np.clip(np.concatenate([np.empty(0), *(held.existence for _, held in claims)]), 0.0, 1.0),
        }
    )


def reference(name: str, seed: int, world: Simulation | None = None) -> dict[str, float]:
    """What the tracker is held against, without it: ``detections``, the clairvoyant filter's figures (``oracle_``),
    and the bound."""
    case = CASES[name]
    scenario = load_scenario(case.scenario)
    world = world or simulate(scenario, seed=seed)
    # told the errors of sensors and what one cell holds: the same detections and noise as if there were none of these
    plain = world if idealised(scenario) == scenario else simulate(idealised(scenario), seed=seed)
    site = parse_site(world.site_toml, "site.toml")
    found = detections_of(plain.measurements, plain.made_by, site)
    followed = clairvoyant_tracks(found, site, case.motion)
    told = evaluate(
        followed, world.truth, max_age_s=1e4, cutoff_m=case.cutoff_m, settled_from_s=case.settled_from_s,
        origin="simulated",
    ).metrics  # fmt: skip
    figures = {f"oracle_{window}_{key}": told[window][key] for window in ("whole", "settled") for key in TOLD}
    figures["detections"] = sum(world.measurements[c].count() for c in PLACES if c in world.measurements.columns)
    figures["oracle_switches"] = told["identity_switches"]
    held = formation(followed, world.truth, 1e4, case.windows_s)
    figures |= {f"oracle_{key}": value for key, value in held.items()}
    if case.has_bound:
        figures["bound_m"] = position_bound_m(found, world.truth, site, case.motion.q[0])
    return figures


def formation(
    tracks: pl.DataFrame, truth: pl.DataFrame, max_age_s: float, windows_s: tuple[tuple[float, float], ...]
) -> dict[str, float]:
    """Of each window: count error, extent ratio and GOSPA with c = 30 m. Names end in the window's first second.

    Count error is mean |shown − there| / there. Extent is the horizontal rms radius about their own centre of the
    tracks within ``NEAR_M`` of the truth's centre, over that of the truth; seconds with fewer than two such tracks
    have none.
    """
    if not windows_s:
        return {}
    given, true = read_tracks(tracks), read_truth(truth)
    seconds = whole_seconds((int(true.t_ns.min()), int(true.t_ns.max())))
    frame = common_frame(true)
    there = picture(true, seconds, frame, 1.0, None)
    shown = picture(given, seconds, frame, max_age_s, SHOWN)
    gospa_m = match(there, shown, len(seconds), FORMATION_CUTOFF_M)[0].gospa_m
    after_s = (seconds - true.t_ns.min()) / SECOND_NS
    n_there, n_shown = np.diff(there.first), np.diff(shown.first)
    extent = np.array([extent_ratio(there.pos[there.at(s)], shown.pos[shown.at(s)]) for s in range(len(seconds))])
    figures = {}
    for first, last in windows_s:
        use = (after_s >= first) & (after_s <= last)
        figures[f"count_error_{first:g}"] = float((np.abs(n_shown - n_there) / n_there)[use].mean())
        seen = use & np.isfinite(extent)
        figures[f"extent_ratio_{first:g}"] = float(extent[seen].mean()) if seen.any() else math.nan
        figures[f"gospa30_m_{first:g}"] = float(gospa_m[use].mean())
    return figures


def extent_ratio(there: np.ndarray, shown: np.ndarray) -> float:
    """Horizontal rms radius of float64[N, 3] m ``shown`` near ``there`` over that of ``there``; NaN below two."""
    middle = there[:, :2].mean(axis=0)
    near = shown[np.hypot(*(shown[:, :2] - middle).T) < NEAR_M, :2]
    if len(near) < 2:
        return math.nan
    return math.sqrt(near.var(axis=0).sum() / there[:, :2].var(axis=0).sum())


def ratio(above: np.ndarray, below: np.ndarray) -> tuple[float, float]:
    """Ratio of the means and half its 95 % interval, by jackknife."""
    n = len(above)
    value = float(above.mean() / below.mean())
    if n < 2:
        return value, math.nan
    left_out = (above.sum() - above) / (below.sum() - below)
    sigma = math.sqrt((n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum()))
    return value, float(student.ppf(0.975, n - 1)) * sigma


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Means over seeds, and the ratios with their intervals."""
    columns = {key: np.array([run[key] for run in runs], float) for key in runs[0] if key != CLAIMS}
    out = {key: float(np.nanmean(values)) for key, values in columns.items() if key != "seed"}
    out["n"] = len(runs)
    for window in ("whole", "settled"):
        value, half = ratio(columns[f"{window}_gospa_m"], columns[f"oracle_{window}_gospa_m"])
        out[f"{window}_ratio"], out[f"{window}_ratio_95"] = value, half
    rmse, half = ratio(columns["settled_rmse_m"], columns["oracle_settled_rmse_m"])
    out["rmse_ratio"], out["rmse_ratio_95"] = rmse, half
    if "bound_m" in columns:
        out["bound_ratio"], out["bound_ratio_95"] = ratio(columns["settled_rmse_m"], columns["bound_m"])
    return out | calibration(np.array([run[CLAIMS] for run in runs]))


def calibration(cells: np.ndarray) -> dict[str, float]:
    """Existence over every hypothesis of all seeds together, for one run has few doubtful ones: the calibration error,
    what chance alone would make of it, and half its 95 % interval by jackknife. ``cells`` float64[seeds, CELLS, 3]."""
    out: dict[str, float] = {}
    for name, limits in (("ece", (0.0, 1.0)), ("ece_middle", MIDDLE)):
        pooled = reliability_of_cells(cells.sum(axis=0), *limits)
        if pooled is None:
            out[name] = math.nan
            continue
        out[name], out[f"{name}_floor"] = pooled.ece, pooled.floor
        out[f"{name}_rows"] = float(pooled.count.sum())
        out[f"{name}_claimed"] = float((pooled.count * pooled.claimed).sum() / pooled.count.sum())
        out[f"{name}_found"] = float((pooled.count * pooled.found).sum() / pooled.count.sum())
        n = len(cells)
        left = [reliability_of_cells(cells.sum(axis=0) - one, *limits) for one in cells] if n > 1 else [None]
        if all(part is not None for part in left):
            each = np.array([part.ece for part in left if part is not None])
            sigma = math.sqrt((n - 1) / n * float(((each - each.mean()) ** 2).sum()))
            out[f"{name}_95"] = float(student.ppf(0.975, n - 1)) * sigma
    return out


COLUMNS = (
    ("n", "3d"), ("settled_ratio", "7.3f"), ("settled_ratio_95", "6.3f"), ("whole_ratio", "7.3f"),
    ("whole_ratio_95", "6.3f"), ("settled_rmse_m", "6.1f"), ("oracle_settled_rmse_m", "6.1f"), ("bound_m", "6.1f"),
    ("whole_missed", "7.2f"), ("settled_missed", "7.2f"), ("settled_false", "6.2f"), ("switches", "6.1f"),
    ("oracle_switches", "6.1f"), ("settled_anees", "6.2f"), ("settled_inside_95", "6.3f"),
    ("ece", "6.4f"), ("ece_middle", "6.3f"),
)  # fmt: skip
HEAD = (
    "    n  settled÷oracle  whole÷oracle   RMSE, oracle, bound   missed whole, late, false, switches, oracle's, ANEES, "
    "in 95 %, ECE, in doubt"
)
WINDOWED = (("count_error", ".3f"), ("extent_ratio", ".3f"), ("gospa30_m", ".1f"))


def line(name: str, found: dict[str, float]) -> str:
    """One row of the table; below it, of a formation, its windows with the clairvoyant filter's figures in brackets."""
    rows = [f"{name:3}" + " ".join(format(found.get(key, math.nan), spec) for key, spec in COLUMNS)]
    for first, last in CASES[name].windows_s:
        told = (
            f"{key} {found[f'{key}_{first:g}']:{spec}} ({found[f'oracle_{key}_{first:g}']:{spec}})"
            for key, spec in WINDOWED
        )
        rows.append(f"   {first:g}-{last:g} s: " + ", ".join(told))
    return "\n".join(rows)


def seeds_of(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", default=list(CASES), metavar="S1")
    arguments.add_argument("--seeds", default="0-9", help="first-last; tune on 100 and above only")
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--json", type=Path)
    chosen = arguments.parse_args()
    seeds = seeds_of(chosen.seeds)
    print(HEAD)
    found = {}
    with ProcessPoolExecutor(chosen.processes) as pool:
        for name in chosen.names:
            runs = list(pool.map(measure, [name] * len(seeds), seeds))
            found[name] = summary(runs) | {"seeds": chosen.seeds, "simulated": True}
            print(line(name, found[name]), flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
