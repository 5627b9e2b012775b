"""Objects that nobody measures the range of: how near is the tracker to the bound of the bearings that happened?

`python -m benchmarks.bearings [moving hovering emitters] [--seeds 0-9] [--json OUT]`: the built-in scenarios `bearings`
(one drone, moving as it says or hovering where it starts) and `emitters` (five), three direction finders and four
microphone arrays, tracked from their site file alone by the defaults. Scored on whole seconds from 10 s on:

ratio       root mean square of the horizontal error over the root mean of the bound's trace: the posterior Cramér–Rao
            bound of the bearings that were made, with the motion that made the truth (hovering: the quietest of ours)
inside 95   of the seconds with a track near it (300 m), those whose 95 % ellipse holds it
missed      of the seconds of each object, those without a track near it
ghost       of the seconds, those with a track of existence above 0.5 that is nobody's (300 m off) or one too many

Intervals are 95 %, over seeds (Student t; of the ratio by jackknife). Everything is simulated.
"""

import argparse
import math
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import t as student

from benchmarks.figures import print_and_write
from lowsky.constants import SECOND_NS
from lowsky.engine.config import parse_site
from lowsky.engine.research import read_measurements
from lowsky.geo.enu import EnuFrame
from lowsky.kernels.motion import predict_cv
from lowsky.kernels.observe import BEARING
from lowsky.kernels.update import condition, scratch
from lowsky.model.ports import Tick
from lowsky.model.site import Site
from lowsky.model.track import PositionKind, TrackStatus
from lowsky.simulate import Simulation, load_scenario, simulate
from lowsky.simulate.scenario import Box, Scenario, WhiteAcceleration
from lowsky.track.rows import Station
from lowsky.track.settings import TrackerSettings
from lowsky.track.tracker import Tracker

NEAR_M = 300.0
FROM_S = 10
CHI2_95 = 5.991
QUIET_Q = (0.1, 0.02)
VELOCITY_SIGMA = (20.0, 3.0)
CASES = ("moving", "hovering", "emitters")


def scenario_of(case: str) -> Scenario:
    if case != "hovering":
        return load_scenario("bearings" if case == "moving" else "emitters")
    scenario = load_scenario("bearings")
    target = msgspec.structs.replace(
        scenario.target[0],
        start=Box(east_m=(-700.0, 700.0), north_m=(-700.0, 700.0), up_m=(80.0, 150.0)),
        motion=WhiteAcceleration(q_m2ps3=0.0, ground_mirror_m=30.0),
    )
    return msgspec.structs.replace(scenario, target=(target,))


def truth_of(world: Simulation, site: Site) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times int64[K], places and velocities float64[K, N, 3] in the site's frame."""
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    table = world.truth.sort("target_id", "time")
    n = table["target_id"].n_unique()
    place = frame.pos_enu(
        np.radians(table["latitude_deg"].to_numpy()), np.radians(table["longitude_deg"].to_numpy()),
        table["height_m"].to_numpy(),
    ).reshape(n, -1, 3)  # fmt: skip
    t_ns = table["time"].cast(int).to_numpy().reshape(n, -1)[0]
    velocity = np.gradient(place, t_ns * 1e-9, axis=1)
    return t_ns, place.transpose(1, 0, 2), velocity.transpose(1, 0, 2)


def bound(world: Simulation, site: Site, seconds_ns: np.ndarray) -> np.ndarray:
    """Horizontal trace of the bound at each second, float64[S, N] m²: an extended filter that runs on the truth."""
    t_ns, place, velocity = truth_of(world, site)
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    stations = {s.id: Station(s, k, frame, TrackerSettings()) for k, s in enumerate(site.sensors)}
    rows = world.measurements.with_row_index("row").drop_nulls("azimuth_deg").sort("time")
    made_by, row_ns = world.made_by[rows["row"].to_numpy()], rows["time"].cast(int).to_numpy()
    names = rows["sensor"].to_list()
    motion = world.scenario.target[0].motion
    q = (motion.q_m2ps3 or QUIET_Q[0], motion.q_vertical_m2ps3 or QUIET_Q[1])
    out, work = np.empty((len(seconds_ns), place.shape[1])), scratch()
    for target in range(place.shape[1]):
        mine = np.flatnonzero(made_by == target)
        P, at_ns, waiting = np.diag([1e6, 1e6, 1e4, *np.repeat(np.square(VELOCITY_SIGMA), (2, 1))]), int(t_ns[0]), 0
        for s, second in enumerate(seconds_ns.tolist()):
            while waiting < len(mine) and row_ns[mine[waiting]] <= second:
                j = mine[waiting]
                at_ns = _moved(P, at_ns, int(row_ns[j]), q)
                k = min(int(np.searchsorted(t_ns, row_ns[j], side="right")) - 1, len(t_ns) - 1)
                x = np.concatenate((place[k, target], velocity[k, target]))
                x[:3] += velocity[k, target] * (row_ns[j] - t_ns[k]) * 1e-9
                station = stations[names[j]]
                origin = station.tells[0].copy()
                origin[6] = 0.0  # noise here is as the site file says
                z, var = np.full(6, np.nan), np.ones(6)
                for c, sigma in enumerate((station.sensor.sigma_azimuth_rad, station.sensor.sigma_elevation_rad)):
                    if sigma is not None:
                        z[c], var[c] = 0.0, sigma**2
                condition(BEARING, x, P, z, var, False, 0.0, origin, station.C[0], 0.0, work)
                waiting += 1
            at_ns = _moved(P, at_ns, second, q)
            out[s, target] = P[0, 0] + P[1, 1]
    return out


def _moved(P: np.ndarray, from_ns: int, to_ns: int, q: tuple[float, float]) -> int:
    predict_cv(np.zeros(6), P, max(to_ns - from_ns, 0) * 1e-9, *q)
    return max(from_ns, to_ns)


def measure(case: str, seed: int) -> dict[str, float]:
    """Sums of one seed."""
    world = simulate(scenario_of(case), seed=seed)
    site = parse_site(world.site_toml)
    t_ns, place, _ = truth_of(world, site)
    start = -(-int(t_ns[0]) // SECOND_NS) + FROM_S
    seconds_ns = np.arange(start, int(t_ns[-1]) // SECOND_NS + 1) * SECOND_NS
    limit = bound(world, site, seconds_ns)
    tracker, shots, at = Tracker(site), [], 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measurements.parquet"
        world.measurements.write_parquet(path)
        batches = sorted(read_measurements(path, site), key=lambda b: b.t_ns)
    for batch in batches:
        while at < len(seconds_ns) and batch.t_ns > seconds_ns[at]:
            tracker.step(Tick(int(seconds_ns[at])))
            shots.append(tracker.snapshot(int(seconds_ns[at])))
            at += 1
        tracker.step(Tick(batch.t_ns, batch))
    while at < len(seconds_ns):
        tracker.step(Tick(int(seconds_ns[at])))
        shots.append(tracker.snapshot(int(seconds_ns[at])))
        at += 1
    found = {"seed": float(seed), "error2": 0.0, "bound2": 0.0, "held": 0.0, "inside": 0.0, "ghosts": 0.0}
    found |= {"seconds": float(len(shots)), "objects": float(len(shots) * place.shape[1])}
    for s, shot in enumerate(shots):
        k = int(np.searchsorted(t_ns, seconds_ns[s]))
        live = (shot.position_kind == PositionKind.POINT) & (shot.status != TrackStatus.DROPPED)
        rows = np.flatnonzero(live & (shot.existence > 0.5))
        away = shot.x[rows][:, None, :2] - place[k][None, :, :2]
        distance = np.linalg.norm(away, axis=2)
        a, b = linear_sum_assignment(np.minimum(distance, NEAR_M))
        fits = distance[a, b] < NEAR_M
        found["ghosts"] += float(fits.sum() < len(rows))
        for i, target in zip(a[fits].tolist(), b[fits].tolist(), strict=True):
            error, P = away[i, target], shot.P[rows[i]][:2, :2]
            found["held"] += 1.0
            found["error2"] += float(error @ error)
            found["bound2"] += float(limit[s, target])
            found["inside"] += float(error @ np.linalg.solve(P, error) <= CHI2_95)
    return found


def summary(runs: list[dict[str, float]]) -> dict[str, object]:
    """Means over seeds with their 95 % half-widths."""
    n = len(runs)
    columns = {key: np.array([run[key] for run in runs]) for key in runs[0]}
    reach = float(student.ppf(0.975, max(n - 1, 1)))

    def share(a: str, b: str) -> list[float]:
        each = columns[a] / columns[b]
        return [float(each.mean()), float(reach * each.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan]

    def ratio(use: np.ndarray) -> float:
        return float(np.sqrt(columns["error2"][use].sum() / columns["bound2"][use].sum()))

    every = np.arange(n)
    left_out = np.array([ratio(every != k) for k in range(n)]) if n > 1 else np.full(1, math.nan)
    spread = float(reach * math.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))
    held = columns["held"].sum()
    return {
        "seeds": n,
        "ratio": [ratio(every), spread],
        "rmse_m": float(np.sqrt(columns["error2"].sum() / held)),
        "bound_m": float(np.sqrt(columns["bound2"].sum() / held)),
        "inside_95": share("inside", "held"),
        "missed": [1.0 - share("held", "objects")[0], share("held", "objects")[1]],
        "ghost": share("ghosts", "seconds"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    first, _, last = chosen.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    found: dict[str, object] = {"simulated": True}
    for case in chosen.cases or CASES:
        with ProcessPoolExecutor(max_workers=2) as pool:
            runs = list(pool.map(measure, [case] * len(seeds), seeds))
        found[case] = summary(runs)
    print_and_write(found, chosen.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
