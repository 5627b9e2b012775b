"""What a look and a small datagram cost the tracker at 1,000 tracks, and what a track weighs.

    python -m benchmarks.tracker_speed [--json OUT]

Simulated: 1,000 targets of constant velocity within 12 km of one radar, P_D 0.8, 450 false plots in a look, so
about 1,250 plots; the same picture also gets datagrams of ten plots, ten reports, and ticks without a batch. CPU
time of single steps after warm-up, one thread.
"""

import argparse
import json
import math
import platform
import time
from pathlib import Path

import numpy as np

from lowsky.model.measurement import Coverage, Labels, MeasurementBatch, MeasurementKind
from lowsky.model.ports import Tick
from lowsky.model.site import Sensor, Site
from lowsky.track import warm_up
from lowsky.track.tracker import Tracker

SECOND = 1_000_000_000
PLACE = {"latitude_rad": 0.785, "longitude_rad": 0.14, "height_m": 100.0}
SIGMA = np.array([10.0, 0.0087, 0.0175, 0.5])


def radar(name: str) -> Sensor:
    return Sensor(
        id=name, kind="radar", sigma_range_m=10.0, sigma_azimuth_rad=0.0087, sigma_elevation_rad=0.0175,
        sigma_range_rate_mps=0.5, detection_probability=0.8, clutter_per_look=450.0, look_period_s=1.0,
        min_range_m=100.0, max_range_m=15_000.0, elevation_rad=(0.0, 1.5), **PLACE,
    )  # fmt: skip


class World:
    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self.rng, self.n = rng, n
        r, a = 12_000 * np.sqrt(rng.uniform(0.01, 1, n)), rng.uniform(0, 2 * np.pi, n)
        self.x = np.column_stack((r * np.cos(a), r * np.sin(a), rng.uniform(60, 400, n), rng.normal(0, 12, (n, 2))))
        self.x = np.column_stack((self.x, np.zeros(n)))

    def plots(self, t_s: float, who: np.ndarray, clutter: int) -> np.ndarray:
        p = self.x[who, :3] + t_s * self.x[who, 3:]
        r = np.linalg.norm(p, axis=1)
        z = np.column_stack(
            (r, np.arctan2(p[:, 0], p[:, 1]), np.arcsin(p[:, 2] / r), (p * self.x[who, 3:]).sum(axis=1) / r)
        )
        z += self.rng.normal(size=z.shape) * SIGMA
        u = self.rng.uniform
        false = (u(100, 15e3, clutter), u(0, 2 * np.pi, clutter), u(0, 0.8, clutter), u(-40, 40, clutter))
        return np.vstack((z, np.column_stack(false)))[self.rng.permutation(len(z) + clutter)]


def batch(sensor: str, kind: MeasurementKind, t_ns: int, z: np.ndarray, **more: object) -> MeasurementBatch:
    t = np.full(len(z), t_ns)
    return MeasurementBatch(sensor, kind, t, t.copy(), np.ascontiguousarray(z), np.full_like(z, np.nan), **more)


def timed(tracker: Tracker, tick: Tick, into: list[float]) -> None:
    start = time.thread_time()
    tracker.step(tick)
    into.append((time.thread_time() - start) * 1e3)


def measure(n_target: int, seconds: int) -> dict[str, float]:
    rng = np.random.default_rng(1000)
    world = World(n_target, rng)
    receiver = Sensor(id="reports", kind="cooperative", **PLACE)
    tracker = Tracker(Site(name="speed", sensors=(radar("looks"), radar("streams"), receiver), **PLACE))
    took: dict[str, list[float]] = {name: [] for name in ("look", "datagram", "reports", "tick", "snapshot")}
    plots, cooperative = 0, np.arange(min(200, n_target))
    for t in range(1, seconds + 1):
        t_ns = t * SECOND
        seen = np.flatnonzero(rng.random(n_target) < 0.8)
        z = world.plots(t, seen, 450)
        plots = len(z)
        cover = Coverage(t_ns, t_ns, 100, 15e3, 0, 2 * math.pi, 0, 1.5)
        timed(tracker, Tick(t_ns, batch("looks", MeasurementKind.RADAR, t_ns, z, coverage=cover)), took["look"])
        for k in range(1, 21):
            t_ns = t * SECOND + k * SECOND // 50
            z = world.plots(t_ns / SECOND, rng.integers(0, n_target, 10), 0)
            timed(tracker, Tick(t_ns, batch("streams", MeasurementKind.RADAR, t_ns, z)), took["datagram"])
            who = cooperative[(10 * k + np.arange(10)) % len(cooperative)]
            p = world.x[who, :3] + t_ns / SECOND * world.x[who, 3:]
            z = np.full((10, 6), np.nan)
            z[:, 0] = PLACE["latitude_rad"] + p[:, 1] / 6.367e6
            z[:, 1] = PLACE["longitude_rad"] + p[:, 0] / (6.388e6 * math.cos(PLACE["latitude_rad"]))
            z[:, 2] = 100 + p[:, 2]
            names = Labels.of([f"{i:06x}" for i in who])
            rows = batch("reports", MeasurementKind.REPORT, t_ns, z, texts={"identity": names})
            timed(tracker, Tick(t_ns, rows), took["reports"])
            timed(tracker, Tick(t_ns + SECOND // 100), took["tick"])
            start = time.thread_time()
            tracker.snapshot()
            took["snapshot"].append((time.thread_time() - start) * 1e3)
    found: dict[str, float] = {"targets": n_target, "tracks": len(tracker.snapshot()), "plots_per_look": plots}
    for name, values in took.items():
        settled = np.array(values[len(values) // 3 :])
        found[f"{name}_p50_ms"], found[f"{name}_p99_ms"] = np.percentile(settled, [50, 99]).round(3).tolist()
    found["bytes_per_track"] = tracker.bytes_per_track()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=15)
    asked = parser.parse_args()
    warm_up()
    found = {**measure(asked.targets, asked.seconds), "machine": platform.processor() or platform.machine()}
    for name, value in found.items():
        print(f"{name:18} {value}")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
