"""A node without an engine: invented tracks through the real hub, server and page. For the browser tests and for work
on the page: ``uv run python tests/browser/fake_node.py --port 8010 --tracks 40``.
"""

import argparse
import math
import threading
import time

import msgspec
import numpy as np

from lowsky.clock import LiveClock, PacedClock
from lowsky.engine.hub import Hub, Picture
from lowsky.engine.operators import Inbox
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import ObjectClass
from lowsky.model.desk import DeskSettings
from lowsky.model.site import Site
from lowsky.model.status import Alert, Scene, SensorStatus
from lowsky.model.track import PositionKind, TrackSnapshot, TrackStatus
from lowsky.serve.run import serve
from lowsky.warn.book import Book

SECOND = 1_000_000_000
SITE = Site(name="Harbour", latitude_rad=math.radians(37.45), longitude_rad=math.radians(126.60), height_m=30.0)
EVIL = "<img src=x onerror=window.__hacked=1>\x07"
C = ObjectClass
MIX = (
    (C.MULTIROTOR, 0.16, 14.0), (C.FIXED_WING_DRONE, 0.05, 28.0), (C.BIRD, 0.36, 11.0), (C.FLOCK, 0.04, 12.0),
    (C.BALLOON, 0.04, 5.0), (C.AEROPLANE, 0.14, 110.0), (C.HELICOPTER, 0.03, 55.0), (C.UNKNOWN, 0.14, 18.0),
    (C.VEHICLE, 0.04, 9.0),
)  # fmt: skip
SCENES = (
    Scene(name="raid", title="Harbour raid", description="Small drones, birds and a balloon.", origin="simulated"),
    Scene(name="sky", title="Busy sky", description="Recorded traffic from its own bytes.", origin="recorded"),
)


def sensors(t_ns, frozen_ns):
    """One sensor in each state."""
    rows = (
        ("radar-1", "radar", "ok", 1200.0, 300.0, 12_000.0, 42.0, ""),
        ("radar-2", "radar", "degraded", -4200.0, 2600.0, 9_000.0, 11.0, "queue full, oldest plots dropped"),
        ("df-east", "direction-finder", "ok", 5200.0, -1900.0, 8_000.0, 5.0, ""),
        ("df-west", "direction-finder", "stale", -5200.0, -3300.0, 8_000.0, 0.0, "no data for 12 s"),
        ("remote-id", "cooperative", "ok", 300.0, -200.0, 6_000.0, 3.0, ""),
        ("acoustic-1", "acoustic", "down", 2400.0, 3800.0, 1_500.0, 0.0, "connection refused"),
        ("camera-1", "camera", "waiting", -1500.0, -900.0, 3_000.0, 0.0, "nothing received yet"),
    )
    frame = EnuFrame.at(SITE.latitude_rad, SITE.longitude_rad, SITE.height_m)
    out = []
    for name, kind, status, east, north, reach, rate, detail in rows:
        lat, lon, height = frame.geodetic(np.array([east, north, 10.0]))
        seen = {"ok": t_ns, "degraded": t_ns, "stale": t_ns - 12 * SECOND, "down": frozen_ns}.get(status)
        sector = (math.radians(20.0), math.radians(200.0)) if name == "camera-1" else (0.0, 2 * math.pi)
        out.append(
            SensorStatus(
                id=name, kind=kind, status=status, latitude_rad=lat, longitude_rad=lon, height_m=height,
                last_seen_ns=seen, rate_hz=rate, detail=detail, counts={"records": 120, "measurements": 100, "LATE": 2},
                latency_s=0.04, azimuth_rad=sector, max_range_m=reach,
            )
        )  # fmt: skip
    return tuple(out)


class World:
    """Objects that fly straight and turn slowly; some are seen only by bearing, some rest between updates."""

    def __init__(self, n, seed, spread_m):
        rng = np.random.default_rng(seed)
        self.rng, self.n, self.spread_m = rng, n, spread_m
        self.classes = rng.choice(len(MIX), n, p=np.array([m[1] for m in MIX]) / sum(m[1] for m in MIX))
        speed = np.array([MIX[c][2] for c in self.classes]) * rng.uniform(0.6, 1.3, n)
        self.speed = speed
        self.course = rng.uniform(0, 2 * math.pi, n)
        radius = spread_m * np.sqrt(rng.uniform(0.002, 1.0, n)) * np.where(speed > 40, 1.6, 0.7)
        angle = rng.uniform(0, 2 * math.pi, n)
        self.pos = np.stack((radius * np.sin(angle), radius * np.cos(angle), rng.uniform(30, 400, n)), axis=1)
        airliner = speed > 40
        self.pos[airliner, 2] = rng.uniform(600, 9000, airliner.sum())
        self.turn = rng.normal(0, 0.015, n)
        self.period_s = rng.choice([1.0, 1.0, 2.0, 4.0], n)
        self.phase_s = rng.uniform(0, 4, n)
        self.ids = np.arange(1, n + 1, dtype=np.int64)
        self.next_id = n + 1
        self.life_s = np.full(n, np.inf)
        self.wedge = (np.arange(n) % 17 == 5) & (self.classes < 2)
        self.wedge[: 2 if n > 5 else 0] = n > 5
        self.coasting = np.arange(n) % 13 == 7
        self.tentative = np.arange(n) % 11 == 4
        kinds = [MIX[c][0] for c in self.classes]
        declares = [k in (C.AEROPLANE, C.HELICOPTER, C.VEHICLE) or (k is C.MULTIROTOR and i % 3 == 0)
                    for i, k in enumerate(kinds)]  # fmt: skip
        self.identity = [None if not d else f"{0x71BE00 + i * 37:06x}" if MIX[c][2] > 40 else f"1596F{i:04d}A9"
                         for i, (d, c) in enumerate(zip(declares, self.classes))]  # fmt: skip
        drones = [i for i, k in enumerate(kinds) if k is C.MULTIROTOR and not declares[i] and not self.wedge[i]]
        self.suspect = int(self.ids[drones[0]]) if drones else None
        self.callsign = [f"KAL{100 + i * 7 % 900}" if k is C.AEROPLANE else None for i, k in enumerate(kinds)]
        self.sigma = rng.uniform(8, 60, n)
        self.state = np.zeros((n, 6))
        self.t_state = np.zeros(n, np.int64)

    def velocity(self):
        return np.stack((self.speed * np.sin(self.course), self.speed * np.cos(self.course), np.zeros(self.n)), axis=1)

    def step(self, t_ns, dt_s):
        self.course = self.course + self.turn * dt_s
        self.pos += self.velocity() * dt_s
        far = np.hypot(self.pos[:, 0], self.pos[:, 1]) > self.spread_m * 1.8
        home = np.arctan2(-self.pos[:, 0], -self.pos[:, 1])
        self.course = np.where(far, home, self.course)
        due = (t_ns / 1e9 + self.phase_s) % self.period_s < dt_s * 1.01
        due |= self.t_state == 0
        due &= ~self.coasting | (self.t_state == 0)
        self.state[due] = np.concatenate((self.pos, self.velocity()), axis=1)[due]
        self.t_state[due] = t_ns

    def snapshot(self, t_ns):
        n = self.n
        P = np.zeros((n, 6, 6))
        a, b, th = self.sigma * 1.5, self.sigma * 0.6, self.course
        P[:, 0, 0] = (a * np.sin(th)) ** 2 + (b * np.cos(th)) ** 2
        P[:, 1, 1] = (a * np.cos(th)) ** 2 + (b * np.sin(th)) ** 2
        P[:, 0, 1] = P[:, 1, 0] = (a * a - b * b) * np.sin(th) * np.cos(th)
        P[:, 2, 2] = np.where(np.arange(n) % 9 == 3, 1e6, self.sigma**2)
        for k in (3, 4, 5):
            P[:, k, k] = 1.0
        probability = np.zeros((n, len(C)))
        for i, c in enumerate(self.classes):
            top = 0.5 + 0.45 * ((i * 37) % 100) / 100
            probability[i, MIX[c][0]] += top
            probability[i, C.BIRD if MIX[c][0] is C.MULTIROTOR else C.MULTIROTOR] += (1 - top) * 0.7
            probability[i, C.UNKNOWN] += (1 - top) * 0.3
        status = np.where(self.coasting, TrackStatus.COASTING, TrackStatus.CONFIRMED)
        status = np.where(self.tentative, TrackStatus.TENTATIVE, status).astype(np.uint8)
        away = self.pos[:, :2] - np.array([5200.0, -1900.0])
        bearing = np.full((n, 2), np.nan)
        bearing[self.wedge, 0] = np.arctan2(away[:, 0], away[:, 1])[self.wedge] % (2 * math.pi)
        bearing[self.wedge, 1] = math.radians(2.5)
        x = self.state.copy()
        x[self.wedge] = 0.0
        bits = np.where(np.arange(n) % 3 == 0, 0b11, 0b01).astype(np.uint64)
        bits = np.where(self.wedge, np.uint64(0b100), bits)
        bits |= np.array([0b10000 if i else 0 for i in self.identity], np.uint64)
        return TrackSnapshot(
            t_ns=t_ns, track_id=self.ids.copy(), t_state_ns=self.t_state.copy(),
            t_update_ns=np.where(self.coasting, self.t_state - 4 * SECOND, self.t_state), x=x, P=P,
            existence=np.where(self.tentative, 0.4, 0.97), status=status,
            position_kind=np.where(self.wedge, PositionKind.WEDGE, PositionKind.POINT).astype(np.uint8),
            sensors=bits, origin_sensor=np.where(self.wedge, 2, -1).astype(np.int16), bearing=bearing,
            class_probability=probability, identity=tuple(self.identity),
            texts={"callsign": tuple(self.callsign)},
        )  # fmt: skip


class Controls:
    def __init__(self):
        self.chosen = "raid"
        self.epoch = 1
        self.inbox = Inbox(None)

    def act(self, action):
        return self.inbox.ask(action)

    def obey(self, desk, t_ns):
        """What people asked since the last picture, as the engine does it."""
        actions = self.inbox.take(t_ns)
        if actions:
            self.inbox.done(actions, desk.act(actions, t_ns), desk.alerts())

    def scenes(self):
        return SCENES

    def select_scene(self, name):
        if name in [scene.name for scene in SCENES]:
            self.chosen, self.epoch = name, self.epoch + 1

    def span_ns(self):
        return None

    def seek(self, t_ns):
        return None


def raise_alerts(desk, start_ns, suspect, flood):
    """One of each priority, and a flood if wanted."""
    desk.history.begin(start_ns - 3600 * SECOND)
    told = (
        Alert(id=1, priority="low", title="Acoustic sensor down", raised_ns=start_ns - 600 * SECOND,
              sensor="acoustic-1"),
        Alert(id=2, priority="medium", title="Direction finder df-west: no data for 12 s",
              raised_ns=start_ns - 41 * SECOND, sensor="df-west"),
        Alert(id=3, priority="high", title="Drone 1.9 km, closing on the harbour", raised_ns=start_ns - 8 * SECOND,
              track_id=suspect, rule="harbour"),
        *(Alert(id=4 + k, priority="low", title=f"Object {k} over the fairway", raised_ns=start_ns - 5 * SECOND,
                rule="fairway") for k in range(flood)),
    )  # fmt: skip
    for one in told:
        desk.open(one, one.title)


def drive(hub, controls, arguments, stop):
    clock = LiveClock() if arguments.mode == "live" else PacedClock(1_790_000_000 * SECOND)
    period = 1.0 / arguments.hz
    world, epoch = None, -1
    start = time.monotonic()
    site = msgspec.structs.replace(SITE, exercise=arguments.exercise)
    while not stop.is_set():
        t_ns = clock.now_ns()
        if epoch != controls.epoch:
            epoch = controls.epoch
            world = World(arguments.tracks, arguments.seed + (controls.chosen != "raid"), arguments.spread)
            if arguments.evil and world.n:
                world.identity[-1] = EVIL
            last_ns = start_ns = t_ns
            desk, is_raised = Book(DeskSettings()), False
        world.step(t_ns, (t_ns - last_ns) / 1e9)
        last_ns = t_ns
        if not arguments.quiet and not is_raised:
            is_raised = True
            raise_alerts(desk, start_ns, world.suspect, arguments.flood)
        desk.pass_time(t_ns)
        controls.obey(desk, t_ns)
        alerts = desk.alerts()
        scene = next(s for s in SCENES if s.name == controls.chosen) if arguments.mode == "demo" else None
        if not (arguments.hang and time.monotonic() - start > arguments.hang):
            hub.publish(
                Picture(
                    site=site, mode=arguments.mode, epoch=epoch, snapshot=world.snapshot(t_ns), recv_ns=t_ns,
                    sensors=sensors(t_ns, 1_789_999_400 * SECOND), alerts=alerts, scene=scene,
                    desk=desk.status(), figures=desk.history.figures(t_ns),
                )
            )  # fmt: skip
        stop.wait(max(0.0, period - (clock.now_ns() - t_ns) / 1e9))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8010)
    parser.add_argument("--tracks", type=int, default=40)
    parser.add_argument("--hz", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--spread", type=float, default=9_000.0)
    parser.add_argument("--mode", choices=("demo", "live", "replay"), default="demo")
    parser.add_argument("--exercise", action="store_true")
    parser.add_argument("--evil", action="store_true", help="one identity is markup")
    parser.add_argument("--quiet", action="store_true", help="no alerts")
    parser.add_argument("--flood", type=int, default=0, help="so many further low alerts")
    parser.add_argument("--hang", type=float, default=0.0, help="the driver stops publishing after this many seconds")
    arguments = parser.parse_args()
    hub, controls, stop = Hub(), Controls(), threading.Event()
    driver = threading.Thread(target=drive, args=(hub, controls, arguments, stop), daemon=True)
    driver.start()
    try:
        serve(hub, controls, port=arguments.port, ready=lambda url: print(url, flush=True))  # noqa: T201
    finally:
        stop.set()
        driver.join(5)


if __name__ == "__main__":
    main()
