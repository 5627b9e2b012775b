"""What do rules cost about zones with many corners?

`python -m benchmarks.zone_corners [--zones 1 200] [--corners 10 200 2000] [--objects 100]`: so many star-shaped zones
lie about each other, 100 m apart, with objects flying in and around them, and one rule asks who is inside, one who will
be within a minute. Prints the median time of a second of both rules. Everything is simulated; seed 0.
"""

import argparse
import math
import time

import numpy as np

from lowsky.model.classes import ObjectClass
from lowsky.model.site import Site
from lowsky.model.track import PositionKind, TrackSnapshot, TrackStatus
from lowsky.model.zone import Rule, Zone
from lowsky.warn.watch import Watch

HERE = (math.radians(45.0), math.radians(8.0))
EARTH_M = 6_371_000.0
SECOND = 1_000_000_000
SECONDS = 7


def star(name: str, corners: int, north_m: float) -> Zone:
    """Between 400 and 800 m from its middle, by turns."""
    angle = 2.0 * np.pi * np.arange(corners) / corners
    radius = np.where(np.arange(corners) % 2, 800.0, 400.0)
    north, east = (north_m + radius * np.cos(angle)) / EARTH_M, radius * np.sin(angle) / EARTH_M / math.cos(HERE[0])
    places = tuple((HERE[0] + float(n), HERE[1] + float(e)) for n, e in zip(north, east, strict=True))
    return Zone(id=name, shape="polygon", corners=places)


def snapshot(pos: np.ndarray, velocity: np.ndarray, t_ns: int) -> TrackSnapshot:
    n = len(pos)
    probability = np.zeros((n, len(ObjectClass)))
    probability[:, ObjectClass.MULTIROTOR] = 1.0
    t = np.full(n, t_ns)
    return TrackSnapshot(
        t_ns=t_ns, track_id=np.arange(1, n + 1), t_state_ns=t, t_update_ns=t.copy(), x=np.hstack((pos, velocity)),
        P=np.tile(np.diag(np.repeat([25.0, 0.25], 3)), (n, 1, 1)), existence=np.ones(n),
        status=np.full(n, TrackStatus.CONFIRMED, np.uint8), position_kind=np.full(n, PositionKind.POINT, np.uint8),
        sensors=np.ones(n, np.uint64), origin_sensor=np.full(n, -1, np.int16), bearing=np.full((n, 2), np.nan),
        class_probability=probability, behaviour=np.tile([0.5, 0.1], (n, 1)), identity=(None,) * n,
    )  # fmt: skip


def median_s(zones: int, corners: int, objects: int) -> float:
    watched = tuple(star(f"z{k}", corners, 100.0 * k) for k in range(zones))
    names = tuple(zone.id for zone in watched)
    rules = (
        Rule(id="in", priority="high", zones=names),
        Rule(id="soon", priority="medium", zones=names, within_s=60.0),
    )
    site = Site(name="x", latitude_rad=HERE[0], longitude_rad=HERE[1], height_m=0.0, zones=watched, rules=rules)
    watch, rng = Watch.of(site), np.random.default_rng(0)
    pos = np.column_stack((rng.uniform(-1500.0, 1500.0, (objects, 2)), np.full(objects, 100.0)))
    velocity = np.column_stack((rng.normal(0.0, 10.0, (objects, 2)), np.zeros(objects)))
    took = []
    for s in range(SECONDS):
        tracks = snapshot(pos + s * velocity, velocity, (1_800_000_000 + s) * SECOND)
        start = time.perf_counter()
        watch.step(tracks)
        took.append(time.perf_counter() - start)
    return float(np.median(took))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--zones", type=int, nargs="+", default=[1, 200])
    arguments.add_argument("--corners", type=int, nargs="+", default=[10, 200, 2000])
    arguments.add_argument("--objects", type=int, default=100)
    chosen = arguments.parse_args()
    for zones in chosen.zones:
        for corners in chosen.corners:
            took_ms = 1e3 * median_s(zones, corners, chosen.objects)
            print(f"{zones:4} zones of {corners:5} corners, {chosen.objects} objects: {took_ms:8.1f} ms a second")


if __name__ == "__main__":
    main()
