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

import numpy as np
from scipy.stats import t as student

from lowsky.engine.config import read_site
from lowsky.engine.offline import Input, Steps, run
from lowsky.engine.tracktable import TrackTableWriter
from lowsky.evaluate import evaluate
from lowsky.evaluate.clairvoyant import Motion, clairvoyant_tracks, detections_of, position_bound_m
from lowsky.model.site import Feed
from lowsky.simulate import simulate


@dataclass(frozen=True)
class Case:
    """A scenario, what the clairvoyant filter is told of its motion, and how it is scored."""

    scenario: str
    motion: Motion
    max_age_s: float  # 1.5 looks of the slowest radar
    settled_from_s: float = 20.0
    has_bound: bool = True
    cutoff_m: float = 100.0


AGILE = Motion(((0.05, 0.05), (8.0, 1.0)))
CASES = {
    "S1": Case("crossing", Motion(((0.1, 0.01),)), 1.5),
    "S2": Case("raid", Motion(((0.2, 0.02),)), 1.5, 60.0),
    "S3": Case("swarm", Motion(((0.1, 0.01),)), 3.0),
    "S4": Case("multirotors", AGILE, 2.25, has_bound=False),
    "S5": Case("low-observable", Motion(((0.05, 0.005),)), 1.5),
    "S6": Case("mixed", AGILE, 2.25, has_bound=False),
}
TOLD = ("gospa_m", "missed", "false", "rmse_m", "anees", "inside_95")


def measure(name: str, seed: int) -> dict[str, float]:
    """Figures of one seed: lowsky's, the clairvoyant filter's (``oracle_``) and the bound."""
    case = CASES[name]
    world = simulate(case.scenario, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        site_path, table, tracks = (Path(folder) / n for n in ("site.toml", "measurements.parquet", "tracks.parquet"))
        site_path.write_text(world.site_toml, encoding="utf-8")
        world.measurements.write_parquet(table)
        site = read_site(site_path)
        source = Input(table, Feed(sensor=site.sensors[0].id, format="table", source=f"file:{table}"))
        started_s = time.process_time()
        with TrackTableWriter(tracks, site) as writer:
            run([source], site, Steps(writer))
        cpu_s = time.process_time() - started_s
        ours = evaluate(
            tracks, world.truth, max_age_s=case.max_age_s, cutoff_m=case.cutoff_m, settled_from_s=case.settled_from_s,
            origin="simulated",
        ).metrics  # fmt: skip
    found = detections_of(world.measurements, world.made_by, site)
    told = evaluate(
        clairvoyant_tracks(found, site, case.motion), world.truth, max_age_s=1e4, cutoff_m=case.cutoff_m,
        settled_from_s=case.settled_from_s, origin="simulated",
    ).metrics  # fmt: skip
    figures = {
        "seed": seed,
        "switches": ours["identity_switches"],
        "detections": len(world.measurements),
        "cpu_s": cpu_s,
    }
    for window in ("whole", "settled"):
        for key in TOLD:
            figures[f"{window}_{key}"] = ours[window][key]
            figures[f"oracle_{window}_{key}"] = told[window][key]
    figures["oracle_switches"] = told["identity_switches"]
    if case.has_bound:
        figures["bound_m"] = position_bound_m(found, world.truth, site, case.motion.q[0])
    return figures


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
    columns = {key: np.array([run[key] for run in runs], float) for key in runs[0]}
    out = {key: float(np.nanmean(values)) for key, values in columns.items() if key != "seed"}
    out["n"] = len(runs)
    for window in ("whole", "settled"):
        value, half = ratio(columns[f"{window}_gospa_m"], columns[f"oracle_{window}_gospa_m"])
        out[f"{window}_ratio"], out[f"{window}_ratio_95"] = value, half
    rmse, half = ratio(columns["settled_rmse_m"], columns["oracle_settled_rmse_m"])
    out["rmse_ratio"], out["rmse_ratio_95"] = rmse, half
    if "bound_m" in columns:
        out["bound_ratio"], out["bound_ratio_95"] = ratio(columns["settled_rmse_m"], columns["bound_m"])
    return out


COLUMNS = (
    ("n", "3d"), ("settled_ratio", "7.3f"), ("settled_ratio_95", "6.3f"), ("whole_ratio", "7.3f"),
    ("whole_ratio_95", "6.3f"), ("settled_rmse_m", "6.1f"), ("oracle_settled_rmse_m", "6.1f"), ("bound_m", "6.1f"),
    ("whole_missed", "7.2f"), ("settled_missed", "7.2f"), ("settled_false", "6.2f"), ("switches", "6.1f"),
    ("oracle_switches", "6.1f"), ("settled_anees", "6.2f"), ("settled_inside_95", "6.3f"),
)  # fmt: skip
HEAD = "    n  settled÷oracle  whole÷oracle   RMSE, oracle, bound   missed whole, late, false, switches, oracle's, ANEES, in 95 %"


def line(name: str, found: dict[str, float]) -> str:
    return f"{name:3}" + " ".join(format(found.get(key, math.nan), spec) for key, spec in COLUMNS)


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
