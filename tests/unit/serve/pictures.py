"""Small pictures for the tests of the page."""

import math
from concurrent.futures import Future

import numpy as np

from lowsky.engine.hub import Outcome, Picture
from lowsky.model.classes import ObjectClass
from lowsky.model.site import Site
from lowsky.model.status import Alert, Scene, SensorStatus
from lowsky.model.track import PositionKind, TrackSnapshot, TrackStatus

SECOND = 1_000_000_000
T0 = 1_790_000_000 * SECOND
SITE = Site(name="Test site", latitude_rad=math.radians(37.45), longitude_rad=math.radians(126.6), height_m=30.0)
SENSOR = SensorStatus(
    id="df-1", kind="direction-finder", status="ok", latitude_rad=SITE.latitude_rad, longitude_rad=SITE.longitude_rad,
    height_m=40.0, last_seen_ns=T0, rate_hz=4.0, counts={"records": 10, "measurements": 9, "LATE": 1},
)  # fmt: skip


def snapshot(t_ns=T0, ids=(1, 2, 3), **columns):
    """Confirmed points 1 km apart going north at 10 m/s; any column may be given instead."""
    n = len(ids)
    x = np.zeros((n, 6))
    x[:, 0] = 1000.0 * np.arange(1, n + 1)
    x[:, 2] = 100.0
    x[:, 4] = 10.0
    probability = np.zeros((n, len(ObjectClass)))
    probability[:, ObjectClass.MULTIROTOR] = 0.8
    probability[:, ObjectClass.BIRD] = 0.2
    values = {
        "t_ns": t_ns,
        "track_id": np.array(ids, np.int64),
        "t_state_ns": np.full(n, t_ns, np.int64),
        "t_update_ns": np.full(n, t_ns, np.int64),
        "x": x,
        "P": np.tile(np.diag([400.0, 100.0, 225.0, 1.0, 1.0, 1.0]), (n, 1, 1)),
        "existence": np.full(n, 0.9),
        "status": np.full(n, TrackStatus.CONFIRMED, np.uint8),
        "position_kind": np.full(n, PositionKind.POINT, np.uint8),
        "sensors": np.ones(n, np.uint64),
        "origin_sensor": np.full(n, -1, np.int16),
        "bearing": np.full((n, 2), np.nan),
        "class_probability": probability,
        "identity": (None,) * n,
    } | columns
    return TrackSnapshot(**values)


def picture(of=None, epoch=1, mode="live", alerts=(), sensors=(SENSOR,), scene=None):
    of = snapshot() if of is None else of
    return Picture(
        site=SITE, mode=mode, epoch=epoch, snapshot=of, recv_ns=of.t_ns, sensors=sensors, alerts=alerts, scene=scene
    )


def alert(track_id=None, number=1, title="Look here", raised_ns=T0):
    return Alert(id=number, priority="high", title=title, raised_ns=raised_ns, track_id=track_id)


class RecordedControls:
    """Controls that remember what was asked."""

    def __init__(self, span=None):
        self.span, self.asked = span, []
        self.outcome = Outcome(is_recorded=True)

    def act(self, action):
        self.asked.append(action)
        answer = Future()
        answer.set_result(self.outcome)
        return answer

    def scenes(self):
        return (Scene(name="one", title="One", description="", origin="simulated"),)

    def select_scene(self, name):
        self.asked.append(("scene", name))

    def span_ns(self):
        return self.span

    def seek(self, t_ns):
        self.asked.append(("seek", t_ns))
