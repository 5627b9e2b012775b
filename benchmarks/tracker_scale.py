"""How the tracker's cost grows: kernels by number of tracks, S3 and ten thousand objects, many looks, a burst, a day.

    python -m benchmarks.tracker_scale [kernels swarm scale sensors burst day] [--seed 0] [--json OUT]

Simulated. One thread on one pinned core; times are CPU time of single calls or steps, warm.

kernels   100, 1,000, 10,000 targets and 1.25 plots each around one radar, five looks old. Every kernel of the sixth
          look is run on copies, the best of 9 counts; ns per row of the table that has a plot near it. The area grows
          with the number and the beam sharpens with the reach, so that a track has as many plots near it.
swarm     S3: CPU per look, and detections per CPU second.
scale     S3 with ten thousand drones in reach of 15 km: the same, and how many times faster than real time.
sensors   1,000 objects, 8 radars, 20 looks a second in sum: CPU per look.
burst     two looks of 50,000 plots in a row, everywhere and in one patch: CPU of the worst, and what was cut.
day       86,400 looks of a radar on 20 objects: resident memory at the first hour and at the end.
"""

import argparse
import copy
import json
import math
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np

import lowsky.track.associate as associate
import lowsky.track.clutter as clutter
import lowsky.track.core as core
from benchmarks.figures import resident_mib
from benchmarks.peers import read
from benchmarks.tracker_speed import PLACE, SECOND, SIGMA, World, batch, radar
from lowsky.model.measurement import Coverage, MeasurementKind
from lowsky.model.ports import Tick
from lowsky.model.site import Sensor, Site
from lowsky.simulate import simulate
from lowsky.track import warm_up
from lowsky.track.tracker import Tracker

RUNS = 9
KERNELS = {
    "gate": ((associate, "track_boxes"), (associate, "pairs")),
    "predict and weigh": ((associate, "weigh_edges"),),
    "marginals": ((associate, "look_odds"), (associate, "detection_weights"), (associate, "marginals")),
    "update": ((associate, "update_tracks"), (associate, "update_existence"), (associate, "note_hits")),
    "clutter": ((clutter, "clutter_density"), (clutter, "count_clutter"), (core, "false_and_new")),
}


def cpu_ms(tracker: Tracker, tick: Tick) -> float:
    begun = time.thread_time_ns()
    tracker.step(tick)
    return (time.thread_time_ns() - begun) * 1e-6


def look(world: World, name: str, t_ns: int, false: int, reach_m: float = 15e3) -> Tick:
    seen = np.flatnonzero(world.rng.random(world.n) < 0.8)
    z = world.plots(t_ns / SECOND, seen, false)
    cover = Coverage(t_ns, t_ns, 100.0, reach_m, 0.0, 2 * math.pi, 0.0, 1.5)
    return Tick(t_ns, batch(name, MeasurementKind.RADAR, t_ns, z, coverage=cover))


def kernels(seed: int) -> dict[str, float]:
    """Growing numbers in a growing area."""
    found: dict[str, float] = {}
    for n in (100, 1000, 10_000):
        stretch = math.sqrt(n / 1000)
        world = World(n, np.random.default_rng(seed))
        world.x[:, :2] *= stretch
        keen = {"sigma_azimuth_rad": SIGMA[1] / stretch, "sigma_elevation_rad": SIGMA[2] / stretch}
        one = Sensor(
            id="looks", kind="radar", sigma_range_m=10.0, sigma_range_rate_mps=0.5, detection_probability=0.8,
            clutter_per_look=0.45 * n, look_period_s=1.0, min_range_m=100.0, max_range_m=15e3 * stretch,
            elevation_rad=(0.0, 1.5), **keen, **PLACE,
        )  # fmt: skip
        tracker = Tracker(Site(name="kernels", sensors=(one,), **PLACE))
        for t in range(1, 6):
            tracker.step(sharpened(world, t, stretch))
        taken, rows = split(tracker, sharpened(world, 6, stretch))
        for name, ns in taken.items():
            found[f"{name.replace(' ', '_')}_ns_at_{n}"] = ns / rows
        found[f"sum_ns_at_{n}"] = sum(taken.values()) / rows
        found[f"sum_ns_per_mode_at_{n}"] = found[f"sum_ns_at_{n}"] / tracker._core.table.mu.shape[1]
        whole = [cpu_ms(tracker, sharpened(world, t, stretch)) for t in range(7, 14)]
        found[f"whole_look_ns_per_row_at_{n}"] = float(np.median(whole)) * 1e6 / tracker._core.table.n
    found["growth_of_kernels_100_to_10000"] = found["sum_ns_at_10000"] / found["sum_ns_at_100"]
    found["growth_of_look_100_to_10000"] = (
        found["whole_look_ns_per_row_at_10000"] / found["whole_look_ns_per_row_at_100"]
    )
    return found


def sharpened(world: World, second: int, stretch: float) -> Tick:
    """A look whose angles' errors shrink as the reach grows; false plots everywhere in it."""
    t_ns, rng = second * SECOND, world.rng
    p = world.x[:, :3] + second * world.x[:, 3:]
    p, v = p[(seen := rng.random(world.n) < 0.8)], world.x[seen, 3:]
    r = np.linalg.norm(p, axis=1)
    z = np.column_stack((r, np.arctan2(p[:, 0], p[:, 1]), np.arcsin(p[:, 2] / r), (p * v).sum(axis=1) / r))
    z += rng.normal(size=z.shape) * SIGMA / [1.0, stretch, stretch, 1.0]
    n, reach_m = int(0.45 * world.n), 15e3 * stretch
    false = np.column_stack(
        (reach_m * np.sqrt(rng.random(n)), rng.uniform(0, 6.28, n), rng.uniform(0, 0.1, n), rng.uniform(-40, 40, n))
    )
    cover = Coverage(t_ns, t_ns, 100.0, reach_m, 0.0, 2 * math.pi, 0.0, 1.5)
    return Tick(t_ns, batch("looks", MeasurementKind.RADAR, t_ns, np.vstack((z, false)), coverage=cover))


def split(tracker: Tracker, tick: Tick) -> tuple[dict[str, float], int]:
    """ns of every group of kernels in one look, each call the best of ``RUNS`` on copies; how many rows it touched."""
    taken, touched, originals = dict.fromkeys(KERNELS, 0.0), [0], []

    def timed(group: str, kernel, name: str):
        def run(*arguments):
            best = math.inf
            for _ in range(RUNS):
                # room for results is the caller's to keep, so it is not copied
                mine = [a if name == "weigh_edges" and isinstance(a, tuple) else copy.deepcopy(a) for a in arguments]
                begun = time.thread_time_ns()
                kernel(*mine)
                best = min(best, time.thread_time_ns() - begun)
            taken[group] += best
            if name == "weigh_edges":
                touched[0] = len(np.unique(arguments[1]))
            return kernel(*arguments)

        return run

    for group, places in KERNELS.items():
        for module, name in places:
            originals.append((module, name, getattr(module, name)))
            setattr(module, name, timed(group, getattr(module, name), name))
    try:
        tracker.step(tick)
    finally:
        for module, name, kernel in originals:
            setattr(module, name, kernel)
    return taken, touched[0]


def built_in(name: str, seed: int) -> dict[str, float]:
    """A built-in scenario through the tracker."""
    world = simulate(name, seed=seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "site.toml").write_text(world.site_toml, encoding="utf-8")
        world.measurements.write_parquet(folder / "measurements.parquet")
        site, ticks = read(folder)
    tracker = Tracker(site)
    took = np.array([cpu_ms(tracker, tick) for tick in ticks])
    rows = np.array([0 if tick.batch is None else len(tick.batch) for tick in ticks])
    looks = took[[tick.batch is not None for tick in ticks]]
    seconds = (ticks[-1].t_ns - ticks[0].t_ns) / SECOND
    return {
        "detections": int(rows.sum()), "looks": len(looks), "shown_at_end": len(tracker.snapshot()),
        "rows_of_table_at_end": tracker._core.table.n, "detections_per_cpu_s": rows.sum() / took.sum() * 1e3,
        "look_p50_ms": np.percentile(looks, 50), "look_p99_ms": np.percentile(looks, 99),
        "look_p99_after_10_s_ms": np.percentile(looks[len(looks) // 6 :], 99), "look_worst_ms": looks.max(),
        "times_real_time": seconds / took.sum() * 1e3,
    }  # fmt: skip


def swarm(seed: int) -> dict[str, float]:
    return built_in("swarm", seed)


def scale(seed: int) -> dict[str, float]:
    return built_in("scale", seed)


def sensors(seed: int) -> dict[str, float]:
    """Eight radars, each 2.5 looks a second, by turns."""
    world = World(1000, np.random.default_rng(seed))
    names = [f"radar-{k}" for k in range(8)]
    tracker = Tracker(Site(name="many", sensors=tuple(radar(name) for name in names), **PLACE))
    took = [cpu_ms(tracker, look(world, names[k % 8], SECOND + k * SECOND // 20, 450)) for k in range(400)]
    settled = np.array(took[100:])
    return {
        "tracks": len(tracker.snapshot()), "looks_per_s": 20, "look_p50_ms": np.percentile(settled, 50),
        "look_p99_ms": np.percentile(settled, 99), "look_worst_ms": max(took),
        "share_of_one_core": settled.mean() * 20 / 1e3,
    }  # fmt: skip


def burst(seed: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, (near, far), (left, right) in (
        ("everywhere", (100.0, 15e3), (0.0, 6.28)), ("one_patch", (3000.0, 3800.0), (1.0, 1.3)),
    ):  # fmt: skip
        world = World(100, np.random.default_rng(seed))
        tracker, worst = Tracker(Site(name="burst", sensors=(radar("looks"),), **PLACE)), 0.0
        for t in range(1, 21):
            tick = look(world, "looks", t * SECOND, 450)
            if t in (10, 11):
                u, n = world.rng.uniform, 50_000
                false = (u(near, far, n), u(left, right, n), u(0.0, 0.4, n), u(-40.0, 40.0, n))
                z = np.vstack((tick.batch.z, np.column_stack(false)))
                more = batch("looks", MeasurementKind.RADAR, t * SECOND, z, coverage=tick.batch.coverage)
                tick = Tick(t * SECOND, more)
            worst = max(worst, cpu_ms(tracker, tick))
        found[f"{name}_worst_look_ms"] = worst
        found[f"{name}_cut"] = sum(tracker.rejects.values())
        found[f"{name}_surely_there_ten_looks_later"] = int((tracker.snapshot().existence > 0.9).sum())
    return found


def day(seed: int) -> dict[str, float]:
    world = World(20, np.random.default_rng(seed))
    world.x[:, 3:] = 0.0  # they hover: nothing leaves in a day
    tracker, held = Tracker(Site(name="day", sensors=(radar("looks"),), **PLACE)), []
    for t in range(1, 86_401):
        tracker.step(look(world, "looks", t * SECOND, 10))
        tracker.snapshot()
        if t % 3600 == 0:
            held.append(resident_mib())
    return {
        "tracks": len(tracker.snapshot()), "bytes_per_track": tracker.bytes_per_track(), "mib_after_1_h": held[0],
        "mib_after_24_h": held[-1], "mib_at_most": max(held),
    }  # fmt: skip


PARTS = {part.__name__: part for part in (kernels, swarm, scale, sensors, burst, day)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="part")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    os.sched_setaffinity(0, {asked.core})
    warm_up()
    found: dict[str, object] = {"seed": asked.seed, "machine": platform.processor() or platform.machine()}
    for name in asked.parts:
        found[name] = {key: round(float(value), 3) for key, value in PARTS[name](asked.seed).items()}
        print(name, f"(simulated, seed {asked.seed}, load {os.getloadavg()[0]:.1f})")
        for key, value in found[name].items():
            print(f"  {key:34} {value:,.10g}", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
