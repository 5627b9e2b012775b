"""The operational scenes: is what the tracker says of them true?

`python -m benchmarks.scenes [harbour prison …] [--seeds 0-9] [--json OUT]`: each built-in scene that is not one of
S1 to S9 is simulated, tracked from its site file alone in the default configuration, and scored as `lowsky evaluate`
does (docs/scenarios.md, "Metrics"). One table: consistency of states (ANEES 1, 95 % of the places inside the 95 %
ellipsoid) of all pairs, and of those in which the track is nearer to no other target ("own"; the goals are of these),
calibration of existence over every hypothesis, false tracks, changes of identity. Calibration is told twice: with a
row real within 100 m of its target, as everywhere, and within 300 m, because many tracks of these scenes have a σ of
50 to 120 m and miss the 100 m although they are somebody's. Everything is simulated.
"""

import argparse
import json
import math
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from benchmarks.tracking import CLAIMS, calibration, seeds_of, track
from lowsky.evaluate import evaluate
from lowsky.simulate import simulate

SCENES = (
    "harbour-raid", "airport-approach", "border-balloons", "harbour", "migration-night", "outage", "prison",
    "town-raid", "urban-multirotors",
)  # fmt: skip
GOALS = {"anees_own": (0.8, 1.25), "inside_95_own": (0.93, 0.97), "ece": (0.0, 0.02)}
FAR_M = 300.0
FAR_CLAIMS = "_far_claims"
WHOLE = (
    "gospa_m", "rmse_m", "completeness", "anees", "inside_95", "anees_own", "inside_95_own", "contested", "missed",
    "false",
)  # fmt: skip
COLUMNS = (
    ("targets", "targets", "6.0f"), ("held", "completeness", "6.3f"), ("RMSE m", "rmse_m", "6.1f"),
    ("ANEES", "anees", "6.2f"), ("trimmed", "anees_trimmed", "6.2f"), ("in 95 %", "inside_95", "6.3f"),
    ("contested", "contested", "6.3f"), ("own ANEES", "anees_own", "6.2f"), ("own in 95 %", "inside_95_own", "6.3f"),
    ("ECE", "ece", "6.4f"), ("at 300 m", "far_ece", "6.4f"), ("false now", "false", "6.2f"),
    ("false tracks", "false_tracks", "6.1f"), ("switches", "switches", "6.1f"), ("GOSPA m", "gospa_m", "6.1f"),
    ("CPU s", "cpu_s", "6.1f"),
)  # fmt: skip


def measure(name: str, seed: int) -> dict[str, float]:
    """Figures of one seed."""
    world = simulate(name, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        tracks, claims, cpu_s = track(world, Path(folder))
        report = evaluate(tracks, world.truth, origin="simulated", claims=claims)
        far = evaluate(tracks, world.truth, origin="simulated", claims=claims, cutoff_m=FAR_M).claims
    found = report.metrics
    trimmed = found["consistency"]["state"]["trimmed_99"]
    return {
        "seed": seed, "targets": found["targets"], "switches": found["identity_switches"], "cpu_s": cpu_s,
        "false_tracks": found["false_tracks"]["count"], "anees_trimmed": math.nan if trimmed is None else trimmed,
        **{key: math.nan if found["whole"][key] is None else found["whole"][key] for key in WHOLE},
        CLAIMS: report.claims, FAR_CLAIMS: far,
    }  # fmt: skip


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Means over seeds, half their 95 % intervals, and calibration over all runs together."""
    out: dict[str, float] = {"n": len(runs)}
    for key in runs[0]:
        if key in (CLAIMS, FAR_CLAIMS, "seed"):
            continue
        values = np.array([run[key] for run in runs], float)
        out[key] = float(values.mean())
        if len(runs) > 1:
            out[f"{key}_95"] = float(student.ppf(0.975, len(runs) - 1) * values.std(ddof=1) / math.sqrt(len(runs)))
    out |= calibration(np.array([run[CLAIMS] for run in runs]))
    out |= {f"far_{key}": v for key, v in calibration(np.array([run[FAR_CLAIMS] for run in runs])).items()}
    out["met"] = float(all(low <= out[key] <= high for key, (low, high) in GOALS.items()))
    return out


def line(name: str, found: dict[str, float]) -> str:
    figures = " | ".join(format(found[key], spec) for _, key, spec in COLUMNS)
    return f"| {name:17} | {found['n']:2.0f} | {figures} | {'met' if found['met'] else 'not yet'} |"


def head() -> str:
    names = " | ".join(name for name, _, _ in COLUMNS)
    return f"| scene | n | {names} | goal |\n|{' --- |' * (len(COLUMNS) + 3)}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", default=list(SCENES), metavar="SCENE")
    arguments.add_argument("--seeds", default="0-9", help="first-last; tune on 100 and above only")
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--json", type=Path)
    chosen = arguments.parse_args()
    seeds = seeds_of(chosen.seeds)
    print(head(), flush=True)
    found = {}
    with ProcessPoolExecutor(chosen.processes) as pool:
        for name in chosen.names:
            found[name] = summary(list(pool.map(measure, [name] * len(seeds), seeds))) | {"simulated": True}
            print(line(name, found[name]), flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(found | {"seeds": chosen.seeds}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
