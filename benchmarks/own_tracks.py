"""A radar that delivers its own tracks, fused with one that delivers plots: is what is stated of the result true?

`python -m benchmarks.own_tracks [WAY …] [--seeds 0-9] [--states all place nothing] [--json OUT]`: the built-in scenario
`own-tracks`, tracked by the defaults from its site file, in these ways:

tracks      as the site file says: ``delivers = "tracks"``
naive       the same rows as reports that are independent of each other, their σ taken as they are
radar       the plots of the second radar alone
plots       both radars' plots: what the panel's own tracker had
straight    as ``tracks``, but the drones go straight on, and the panel's filter knows

ANEES is of position and velocity (6), at whole seconds from 20 s on, of tracks within 300 m of an object (nearest
assignment); 1 is a covariance that is true, 0.8 to 1.25 the goal. Intervals are 95 % over seeds (Student t). Everything
is simulated.
"""

import argparse
import math
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import t as student

from benchmarks.bearings import truth_of
from benchmarks.figures import print_and_write
from lowsky.constants import SECOND_NS
from lowsky.engine.config import parse_site
from lowsky.engine.research import read_measurements
from lowsky.model.ports import Tick
from lowsky.model.site import Site
from lowsky.model.track import TrackStatus
from lowsky.simulate import load_scenario, simulate
from lowsky.simulate.scenario import Scenario, WhiteAcceleration
from lowsky.track.settings import TrackerSettings
from lowsky.track.tracker import Tracker

NEAR_M = 300.0
FROM_S = 20
STRAIGHT_Q = 0.1  # m²/s³: the quietest motion of the tracker's own
WAYS = ("tracks", "naive", "radar", "plots", "straight")


def scenario_of(way: str, states: str) -> Scenario:
    scenario = load_scenario("own-tracks")
    panel, radar = scenario.sensor
    if way == "radar":
        return msgspec.structs.replace(scenario, sensor=(radar,))
    tracker = None if way == "plots" else msgspec.structs.replace(panel.tracker, states=states)
    target = scenario.target[0]
    if way == "straight":
        start = msgspec.structs.replace(target.start, speed_mps=(3.0, 12.0), course_deg=(0.0, 360.0))
        motion = WhiteAcceleration(q_m2ps3=STRAIGHT_Q, ground_mirror_m=30.0)
        target = msgspec.structs.replace(target, motion=motion, start=start)
        tracker = msgspec.structs.replace(tracker, q_m2ps3=STRAIGHT_Q)
    panel = msgspec.structs.replace(panel, tracker=tracker)
    return msgspec.structs.replace(scenario, sensor=(panel, radar), target=(target,))


def site_of(text: str, way: str) -> Site:
    """As the scenario writes it; naively, tracks are what their objects report."""
    if way == "naive":
        text = text.replace('kind = "radar"', 'kind = "cooperative"', 1).replace('delivers = "tracks"', "")
    return parse_site(text)


def measure(way: str, seed: int, states: str = "all", duration_s: float | None = None) -> dict[str, float]:
    world = simulate(scenario_of(way, states), seed, duration_s)
    site = site_of(world.site_toml, way)
    t_ns, place, velocity = truth_of(world, site)
    start = -(-int(t_ns[0]) // SECOND_NS) + FROM_S
    seconds_ns = np.arange(start, int(t_ns[-1]) // SECOND_NS + 1) * SECOND_NS
    tracker = Tracker(site, TrackerSettings(report_sigma_floor=(0.5, 0.5, 0.05)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measurements.parquet"
        world.measurements.write_parquet(path)
        batches = sorted(read_measurements(path, site), key=lambda b: b.t_ns)
    found = dict.fromkeys(("held", "error2", "velocity2", "nees", "nees_place", "false", "false_s"), 0.0)
    found |= {"seed": float(seed), "objects": float(len(seconds_ns) * place.shape[1]), "seconds": len(seconds_ns)}
    at = 0
    for batch in [*batches, None]:
        while at < len(seconds_ns) and (batch is None or batch.t_ns > seconds_ns[at]):
            tracker.step(Tick(int(seconds_ns[at])))
            k = int(np.searchsorted(t_ns, seconds_ns[at]))
            _score(tracker, int(seconds_ns[at]), np.concatenate((place[k], velocity[k]), axis=1), found)
            at += 1
        if batch is not None:
            tracker.step(Tick(batch.t_ns, batch))
    return found


def _score(tracker: Tracker, t_ns: int, truth: np.ndarray, found: dict[str, float]) -> None:
    shot = tracker.snapshot(t_ns)
    rows = np.flatnonzero((shot.status != TrackStatus.DROPPED) & (shot.existence > 0.5))
    distance = np.linalg.norm(shot.x[rows][:, None, :3] - truth[None, :, :3], axis=2)
    a, b = linear_sum_assignment(np.minimum(distance, NEAR_M))
    fits = distance[a, b] < NEAR_M
    found["false"] += float(len(rows) - fits.sum())
    for i, target in zip(a[fits].tolist(), b[fits].tolist(), strict=True):
        error, P = shot.x[rows[i]] - truth[target], shot.P[rows[i]]
        found["held"] += 1.0
        found["error2"] += float(error[:3] @ error[:3])
        found["velocity2"] += float(error[3:] @ error[3:])
        found["nees"] += float(error @ np.linalg.solve(P, error)) / 6.0
        found["nees_place"] += float(error[:3] @ np.linalg.solve(P[:3, :3], error[:3])) / 3.0


def summary(runs: list[dict[str, float]]) -> dict[str, object]:
    n = len(runs)
    columns = {key: np.array([run[key] for run in runs]) for key in runs[0]}
    reach = float(student.ppf(0.975, max(n - 1, 1)))

    def over(each: np.ndarray) -> list[float]:
        return [float(each.mean()), float(reach * each.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan]

    held = columns["held"]
    return {
        "seeds": n,
        "anees": over(columns["nees"] / held),
        "anees_position": over(columns["nees_place"] / held),
        "rmse_m": over(np.sqrt(columns["error2"] / held)),
        "rmse_mps": over(np.sqrt(columns["velocity2"] / held)),
        "missed": over(1.0 - held / columns["objects"]),
        "false": over(columns["false"] / columns["seconds"]),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", metavar="WAY", help=", ".join(WAYS))
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--states", nargs="*", default=["all"], choices=["all", "place", "nothing"])
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    first, _, last = chosen.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    found: dict[str, object] = {"simulated": True}
    for states in chosen.states:
        found[states] = {way: summary([measure(way, seed, states) for seed in seeds]) for way in chosen.ways or WAYS}
    print_and_write(found, chosen.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
