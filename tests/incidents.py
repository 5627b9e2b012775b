"""A small simulated incident, recorded: one radar, one object that comes into a zone and leaves it, people who act."""

import math

import numpy as np

import lowsky
from lowsky.engine.config import parse_site
from lowsky.engine.pipeline import Pipeline
from lowsky.model.events import AlertRaised
from lowsky.model.measurement import Coverage, MeasurementBatch, MeasurementKind
from lowsky.model.ports import OperatorAction, Tick
from lowsky.record import Recorder

S = 1_000_000_000
T0_NS = 1_780_000_000 * S
SITE = """
[site]
name = "Simulated <yard>"
latitude_deg = 37.45
longitude_deg = 126.6
height_m = 30.0
exercise = true

[[sensor]]
id = "radar-1"
kind = "radar"
latitude_deg = 37.45
longitude_deg = 126.6
height_m = 30.0
sigma_range_m = 3.0
sigma_azimuth_deg = 0.3
sigma_elevation_deg = 0.3
sigma_range_rate_mps = 0.3
detection_probability = 0.95
clutter_per_look = 0.1
look_period_s = 1.0
max_range_m = 6000.0

[[zone]]
id = "yard"
shape = "circle"
latitude_deg = 37.45
longitude_deg = 126.6
radius_m = 800.0

[[rule]]
id = "somebody in the yard"
priority = "high"
zones = ["yard"]
existence = 0.8
off_s = 5.0

[[output]]  # [[not a table]]
id = "hook"
kind = "webhook"
url = "https://alarm.example/hook"
secret_file = "/etc/lowsky/hook-secret"

[desk]
louder_after_s = 60.0
"""


def look(second, places, rng):
    """What the radar sees of objects at east, north, up m; and that it looked."""
    t_ns = T0_NS + second * S
    rows = []
    for east, north, up, closing_mps in places:
        ground = math.hypot(east, north)
        exact = (math.hypot(ground, up), math.atan2(east, north) % (2 * math.pi), math.atan2(up, ground), -closing_mps)
        rows.append(np.array(exact) + rng.normal(0.0, (3.0, 0.005, 0.005, 0.3)))
    z = np.array(rows).reshape(-1, 4)
    coverage = Coverage(t_ns - S, t_ns, 0.0, 6000.0, 0.0, 2 * math.pi, -math.pi / 2, math.pi / 2)
    times = np.full(len(z), t_ns, np.int64)
    sigma = np.tile([3.0, 0.00524, 0.00524, 0.3], (len(z), 1))
    return MeasurementBatch("radar-1", MeasurementKind.RADAR, times, times.copy(), z, sigma, second, coverage)


def ticks(seconds, comes_at, leaves_at, rng, silent=()):
    """Two ticks a second of time, one look. An object comes at ``comes_at`` and is gone at ``leaves_at``."""
    for second in range(seconds):
        t_ns = T0_NS + second * S
        seen = comes_at <= second < leaves_at
        north = 1500.0 - 20.0 * (second - comes_at)
        places = [(50.0, north, 100.0, math.copysign(20.0, north))] if seen else []
        if second not in silent:
            yield Tick(t_ns, look(second, places, rng))
        yield Tick(t_ns)
        yield Tick(t_ns + S // 2)


def record(folder, stream, act=True, site=SITE, version=lowsky.__version__):
    """Record it as a node would, somebody acknowledging each high alert four seconds later; alert numbers by title."""
    pipeline, recorder = Pipeline(parse_site(site)), Recorder(folder, site, version)
    raised, due = {}, []

    def step(tick):
        recorder.put(tick)
        for event in pipeline.step(tick):
            if isinstance(event, AlertRaised):
                raised[event.alert_id] = event.title
                if act and event.priority == "high":
                    due.append((tick.t_ns + 4 * S, event.alert_id))

    for tick in stream:
        step(tick)
        while due and tick.t_ns >= due[0][0]:
            _, number = due.pop(0)
            said = {"user": "Kim <b>", "seat": "north", "text": "a drone, seen by eye"}
            step(Tick(tick.t_ns, None, (), (OperatorAction(key=f"key-{number:06d}", t_ns=tick.t_ns, what="acknowledge",
                                                           alert_id=number, **said),)))  # fmt: skip
    recorder.flush()
    return recorder, raised
