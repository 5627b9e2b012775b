"""lowsky beside a Poisson multi-Bernoulli *mixture* filter, on small scenes of objects close together.

`python -m benchmarks.pmbm [bundle flock] [--seeds 0-9] [--json OUT]`. The mixture filter keeps many explanations of the
whole past side by side (up to ``HYPOTHESES``, by Murty's k best assignments of each look) where lowsky keeps one
probability for each object. It is plain NumPy, slow and told the scene's motion, P_D, clutter and number of objects; it
is used nowhere else. After García-Fernández, Williams, Granström and Svensson, "Poisson multi-Bernoulli mixture filter:
direct derivation and implementation" (IEEE TAES 54, 2018). Everything is simulated.
"""

import argparse
import heapq
import json
import math
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from scipy.optimize import linear_sum_assignment

from benchmarks.tracking import ratio, seeds_of, track
from lowsky.engine.config import parse_site
from lowsky.evaluate import evaluate
from lowsky.evaluate.clairvoyant import Motion, clairvoyant_tracks, detections_of
from lowsky.geo.enu import EnuFrame
from lowsky.simulate import Scenario, load_scenario, simulate
from lowsky.simulate.scenario import Swarm

HYPOTHESES = 100  # explanations kept
LEAST_WEIGHT = math.log(1e-6)  # of an explanation, beside the best
LEAST_EXISTENCE = 1e-4
GATE = 23.0  # of a plot's four components: one plot in ten thousand is beyond it
SHOWN = 0.5
SURVIVAL = 0.9999
Q = 0.1
SETTLED_S = 20.0


def scene(name: str) -> Scenario:
    """Eight drones through one point at nearly one time; or six that fly together, seen less often, in more clutter."""
    base = load_scenario("crossing")
    replace = msgspec.structs.replace
    target, sensor = base.target[0], base.sensor[0]
    if name == "bundle":
        start = replace(target.start, point_sigma_m=25.0, at_s=(57.0, 63.0), up_m=(100.0, 130.0))
        target = replace(target, count=8, start=start)
    else:
        start = Swarm(
            groups=1, centre_m=(-1200.0, 1200.0), speed_mps=(12.0, 18.0), course_deg=(0.0, 360.0), up_m=(120.0, 160.0),
            member_offset_m=60.0, member_up_m=15.0, member_velocity_sigma_mps=0.7,
        )  # fmt: skip
        target = replace(target, count=6, start=start)
        sensor = replace(sensor, detection_probability=0.8, clutter_per_look=20.0)
    return replace(base, name=name, duration_s=120.0, target=(target,), sensor=(sensor,))


SCENES = ("bundle", "flock")


@dataclass
class Local:
    """One way an object may have been: existence, state, covariance."""

    r: float
    x: np.ndarray
    P: np.ndarray


@dataclass
class World:
    """What the filter is told of the radar, which stands level at the frame's origin but ``up_m`` higher."""

    up_m: float
    p_detect: float
    clutter: float  # density of false plots, 1 / (m rad rad m/s)
    unseen: float  # density of objects nobody has seen yet, the same
    sigma: np.ndarray  # float64[4]
    born: float  # share of ``unseen`` that comes anew each look


def observed(x: np.ndarray, up_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Range, azimuth, elevation, range rate of a state and their derivatives, float64[4], float64[4, 6]."""
    d, v = x[:3] - [0.0, 0.0, up_m], x[3:]
    r, rho = np.linalg.norm(d), np.hypot(d[0], d[1])
    rate = d @ v / r
    H = np.zeros((4, 6))
    H[0, :3] = d / r
    H[1, :2] = d[1] / rho**2, -d[0] / rho**2
    H[2, :3] = -d[0] * d[2] / (rho * r**2), -d[1] * d[2] / (rho * r**2), rho / r**2
    H[3, :3], H[3, 3:] = v / r - d * rate / r**2, d / r
    return np.array([r, np.arctan2(d[0], d[1]), np.arctan2(d[2], rho), rate]), H


def updated(x: np.ndarray, P: np.ndarray, z: np.ndarray, world: World) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Squared distance, log-likelihood, and the state after one plot (Joseph form)."""
    expected, H = observed(x, world.up_m)
    nu = z - expected
    nu[1] = (nu[1] + np.pi) % (2.0 * np.pi) - np.pi
    R = np.diag(world.sigma**2)
    S = H @ P @ H.T + R
    K = np.linalg.solve(S, H @ P).T
    d2 = float(nu @ np.linalg.solve(S, nu))
    left = np.eye(6) - K @ H
    log_l = -0.5 * (d2 + np.linalg.slogdet(S)[1] + 4 * math.log(2 * math.pi))
    return d2, log_l, x + K @ nu, left @ P @ left.T + K @ R @ K.T


def born(z: np.ndarray, world: World) -> tuple[np.ndarray, np.ndarray]:
    """State of an object first seen by a plot: its place, any velocity (12, 12, 3 m/s), then the range rate."""
    r, a, e, rate = z
    u = np.array([np.cos(e) * np.sin(a), np.cos(e) * np.cos(a), np.sin(e)])
    across = np.array([np.cos(a), -np.sin(a), 0.0])
    up = np.array([-np.sin(e) * np.sin(a), -np.sin(e) * np.cos(a), np.cos(e)])
    B = np.column_stack((u, r * np.cos(e) * across, r * up))
    P = np.zeros((6, 6))
    P[:3, :3] = B @ np.diag(world.sigma[:3] ** 2) @ B.T
    P[3:, 3:] = np.diag([144.0, 144.0, 9.0])
    x = np.concatenate((r * u + [0.0, 0.0, world.up_m], np.zeros(3)))
    h = np.concatenate((np.zeros(3), u))
    S = h @ P @ h + world.sigma[3] ** 2
    k = P @ h / S
    return x + k * rate, P - np.outer(k, k) * S


def k_best(cost: np.ndarray, k: int, worst: float) -> list[tuple[float, np.ndarray]]:
    """The k cheapest assignments of all rows (Murty), none dearer than the best by more than ``worst``."""
    if not cost.size:
        return [(0.0, np.empty(0, int))]

    def solve(c: np.ndarray) -> tuple[float, np.ndarray] | None:
        rows, columns = linear_sum_assignment(np.where(np.isfinite(c), c, 1e9))
        total = float(c[rows, columns].sum())
        return (total, columns) if math.isfinite(total) else None

    first = solve(cost)
    found, waiting, count = [], [(first[0], 0, first[1], cost, 0)], 1
    while waiting and len(found) < k:
        total, _, columns, c, fixed = heapq.heappop(waiting)
        if found and total - found[0][0] > worst:
            break
        found.append((total, columns))
        for row in range(fixed, len(c)):
            if np.isfinite(c[row]).sum() > 1:
                child = c.copy()
                child[row, columns[row]] = np.inf
                for before in range(row):
                    only = child[before, columns[before]]
                    child[before] = np.inf
                    child[:, columns[before]] = np.inf
                    child[before, columns[before]] = only
                better = solve(child)
                if better is not None:
                    heapq.heappush(waiting, (better[0], count, better[1], child, row))
                    count += 1
    return found


@dataclass
class Mixture:
    """Objects that may be, each with its ways; explanations choose one way of each (−1: it is not there)."""

    world: World
    objects: dict[int, list[Local]] = field(default_factory=dict)
    explanations: list[tuple[float, dict[int, int]]] = field(default_factory=lambda: [(0.0, {})])
    next_id: int = 1

    def predict(self, dt: float) -> None:
        F = np.eye(6)
        F[:3, 3:] = dt * np.eye(3)
        q = np.diag([Q, Q, Q / 10.0])
        noise = np.block([[q * dt**3 / 3, q * dt**2 / 2], [q * dt**2 / 2, q * dt]])
        for ways in self.objects.values():
            for way in ways:
                way.x, way.P, way.r = F @ way.x, F @ way.P @ F.T + noise, way.r * SURVIVAL

    def update(self, z: np.ndarray) -> None:
        world, p = self.world, self.world.p_detect
        nobody = math.log(world.clutter + p * world.unseen)  # of a plot of no object known so far
        r_new = p * world.unseen / (world.clutter + p * world.unseen)
        seen: dict[tuple[int, int], dict[int, tuple[float, Local]]] = {}
        for i, ways in self.objects.items():
            for w, way in enumerate(ways):
                seen[i, w] = {}
                for j in range(len(z)):
                    d2, log_l, x, P = updated(way.x, way.P, z[j], world)
                    if d2 < GATE:
                        gain = math.log(way.r * p) + log_l - math.log(1.0 - way.r * p) - nobody
                        seen[i, w][j] = gain, Local(1.0, x, P)
        best = max(weight for weight, _ in self.explanations)
        made: dict[int, dict[tuple[int, int], int]] = {i: {} for i in self.objects}
        ways_made: dict[int, list[Local]] = {i: [] for i in self.objects}
        children = []
        for weight, chosen in self.explanations:
            base = weight + sum(math.log(1.0 - self.objects[i][w].r * p) for i, w in chosen.items())
            rows = [i for i, w in chosen.items() if seen[i, w]]
            plots = sorted({j for i in rows for j in seen[i, chosen[i]]})
            cost = np.full((len(rows), len(plots) + len(rows)), np.inf)
            for a, i in enumerate(rows):
                cost[a, len(plots) + a] = 0.0
                for j, (gain, _) in seen[i, chosen[i]].items():
                    cost[a, plots.index(j)] = -gain
            most = max(1, math.ceil(HYPOTHESES * math.exp(weight - best)))
            for total, columns in k_best(cost, most, -LEAST_WEIGHT):
                of_row = {rows[a]: plots[c] if c < len(plots) else -1 for a, c in enumerate(columns.tolist())}
                child = {}
                for i, w in chosen.items():
                    key = w, of_row.get(i, -1)
                    if key not in made[i]:
                        made[i][key] = len(ways_made[i])
                        ways_made[i].append(self._after(i, *key, seen))
                    child[i] = made[i][key]
                used = set(of_row.values())
                child |= {self.next_id + j: 0 for j in range(len(z)) if j not in used}
                children.append((base - total, child))
        self.objects = ways_made | {self.next_id + j: [Local(r_new, *born(z[j], world))] for j in range(len(z))}
        self.next_id += len(z)
        world.unseen = world.unseen * (1.0 - p) + world.born
        self._prune(children)

    def _after(self, i: int, w: int, j: int, seen: dict) -> Local:
        if j >= 0:
            return seen[i, w][j][1]
        way = self.objects[i][w]
        missed = 1.0 - self.world.p_detect
        return Local(way.r * missed / (1.0 - way.r + way.r * missed), way.x, way.P)

    def _prune(self, children: list[tuple[float, dict[int, int]]]) -> None:
        """Objects that are hardly there leave; explanations that then say the same become one; the best are kept."""
        together: dict[tuple, float] = {}
        for weight, chosen in children:
            key = tuple(sorted((i, w) for i, w in chosen.items() if self.objects[i][w].r >= LEAST_EXISTENCE))
            together[key] = np.logaddexp(together[key], weight) if key in together else weight
        best = sorted(together.items(), key=lambda item: -item[1])[:HYPOTHESES]
        best = [(key, weight) for key, weight in best if weight - best[0][1] > LEAST_WEIGHT]
        total = np.logaddexp.reduce([weight for _, weight in best])
        used: dict[int, dict[int, int]] = {}
        for key, _ in best:
            for i, w in key:
                used.setdefault(i, {}).setdefault(w, len(used.get(i, {})))
        old = self.objects
        self.objects = {i: [Local(old[i][w].r, old[i][w].x, old[i][w].P) for w in ways] for i, ways in used.items()}
        self.explanations = [(weight - total, {i: used[i][w] for i, w in key}) for key, weight in best]

    def shown(self) -> list[tuple[int, Local]]:
        """Objects of the likeliest explanation that are there rather than not."""
        _, chosen = max(self.explanations, key=lambda item: item[0])
        found = [(i, self.objects[i][w]) for i, w in chosen.items()]
        return [(i, way) for i, way in found if way.r > SHOWN]


def mixture_tracks(world, scenario: Scenario) -> pl.DataFrame:
    """The mixture filter's track table of one simulated run."""
    radar, site = scenario.sensor[0], parse_site(world.site_toml, "site.toml")
    volume = (radar.max_range_m - radar.min_range_m) * 2 * math.pi * math.radians(45.0) * 80.0
    n = sum(target.count for target in scenario.target)
    told = World(
        radar.position_m[2], radar.detection_probability, radar.clutter_per_look / volume, n / volume,
        np.array([radar.sigma_range_m, math.radians(radar.sigma_azimuth_deg), math.radians(radar.sigma_elevation_deg),
                  radar.sigma_range_rate_mps]), 1e-4 * n / volume,
    )  # fmt: skip
    filter_, rows, before_ns = Mixture(told), [], None
    for (t_ns,), look in world.measurements.with_columns(pl.col("time").cast(pl.Int64)).group_by(
        "time", maintain_order=True
    ):
        plots = look.drop_nulls("azimuth_deg").select(
            "range_m", pl.col("azimuth_deg").radians(), pl.col("elevation_deg").radians(), "range_rate_mps"
        )
        if before_ns is not None:
            filter_.predict((t_ns - before_ns) * 1e-9)
        before_ns = t_ns
        filter_.update(plots.to_numpy())
        rows += [(t_ns, i, way.x, way.P) for i, way in filter_.shown()]
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    x, P = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
    geodetic, velocity, covariance = frame.local_states(x, P)
    upper = np.triu_indices(6)
    return pl.DataFrame(
        {
            "time": pl.Series([row[0] for row in rows], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
            "track_id": [row[1] for row in rows],
            "status": ["confirmed"] * len(rows),
            "latitude_deg": np.degrees(geodetic[:, 0]),
            "longitude_deg": np.degrees(geodetic[:, 1]),
            "height_m": geodetic[:, 2],
            "east_mps": velocity[:, 0],
            "north_mps": velocity[:, 1],
            "up_mps": velocity[:, 2],
            "covariance": pl.Series(covariance[:, upper[0], upper[1]].tolist(), dtype=pl.List(pl.Float64)),
        }
    )


def measure(name: str, seed: int) -> dict[str, float]:
    """GOSPA and its parts, settled, of lowsky, the mixture filter and the clairvoyant one."""
    scenario = scene(name)
    world = simulate(scenario, seed=seed)
    site = parse_site(world.site_toml, "site.toml")
    begun = time.process_time()
    told = mixture_tracks(world, scenario)
    took_s = time.process_time() - begun
    with tempfile.TemporaryDirectory() as folder:
        ours, _, _ = track(world, Path(folder))
        tables = {"": ours, "pmbm_": told, "oracle_": None}
        found = detections_of(world.measurements, world.made_by, site)
        tables["oracle_"] = clairvoyant_tracks(found, site, Motion(((Q, Q / 10.0),)))
        out: dict[str, float] = {"seed": seed, "pmbm_cpu_s": took_s}
        for who, table in tables.items():
            age_s = 1e4 if who == "oracle_" else 1.5
            scored = evaluate(table, world.truth, max_age_s=age_s, settled_from_s=SETTLED_S, origin="simulated").metrics
            for key in ("gospa_m", "missed", "false", "rmse_m"):
                out[f"{who}settled_{key}"] = scored["settled"][key]
            out[f"{who}whole_gospa_m"] = scored["whole"]["gospa_m"]
            out[f"{who}switches"] = scored["identity_switches"]
    return out


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Means over seeds; the ratios to the mixture filter with their intervals."""
    columns = {key: np.array([run[key] for run in runs], float) for key in runs[0] if key != "seed"}
    out = {key: float(values.mean()) for key, values in columns.items()} | {"n": len(runs)}
    for window in ("settled", "whole"):
        pair = columns[f"{window}_gospa_m"], columns[f"pmbm_{window}_gospa_m"]
        out[f"{window}_pmbm_ratio"], out[f"{window}_pmbm_ratio_95"] = ratio(*pair)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(SCENES), metavar="bundle")
    parser.add_argument("--seeds", default="0-9", help="first-last; tune on 100 and above only")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    seeds, found = seeds_of(asked.seeds), {}
    print("        n  lowsky÷PMBM settled     whole       GOSPA: lowsky, PMBM, told all   switches   PMBM CPU s")
    with ProcessPoolExecutor(asked.processes) as pool:
        for name in asked.names:
            runs = list(pool.map(measure, [name] * len(seeds), seeds))
            m = found[name] = summary(runs) | {"seeds": asked.seeds, "simulated": True, "runs": runs}
            print(
                f"{name:7} {m['n']:2d} {m['settled_pmbm_ratio']:8.3f} ± {m['settled_pmbm_ratio_95']:.3f} "
                f"{m['whole_pmbm_ratio']:8.3f} ± {m['whole_pmbm_ratio_95']:.3f} {m['settled_gospa_m']:8.1f} "
                f"{m['pmbm_settled_gospa_m']:7.1f} {m['oracle_settled_gospa_m']:7.1f} {m['switches']:8.1f}, "
                f"{m['pmbm_switches']:.1f} {m['pmbm_cpu_s']:8.1f}",
                flush=True,
            )
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
