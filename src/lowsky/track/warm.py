"""Compile, or load from the cache, every kernel the tracker uses, with inputs as small as they come."""

import math
from typing import Any

import numpy as np

from lowsky.constants import SECOND_NS
from lowsky.kernels.air import straight_steps
from lowsky.kernels.registration import N_ERROR, condition_pairs, vote
from lowsky.kernels.update import scratch
from lowsky.model.measurement import DIM, Coverage, Labels, MeasurementBatch, MeasurementKind, empty_look
from lowsky.model.ports import Tick
from lowsky.model.site import Sensor, Site
from lowsky.track.references import Q_REFERENCE, VAR_DUMMY, References
from lowsky.track.tracker import Tracker

RADAR_ROWS = [[1000.0, 0.3, 0.1, 5.0], [1000.0, 0.31, np.nan, np.nan], [1010.0, 0.31, 0.1, np.nan]]
REPORT_ROWS = [[0.6501, 2.2001, 100.0, 10.0, 0.0, 0.0], [0.6501, 2.2001, np.nan, np.nan, np.nan, np.nan]]


def warm_up() -> None:
    """Run a scene of three sensors and a few looks through every path. Seconds when nothing is cached."""
    place: dict[str, Any] = {"latitude_rad": 0.65, "longitude_rad": 2.2, "height_m": 10.0}
    radar = Sensor(id="r", kind="radar", look_period_s=1.0, max_range_m=5000.0, **place)
    streaming = Sensor(id="s", kind="radar", look_period_s=1.0, max_range_m=5000.0, **place)
    finder = Sensor(id="f", kind="direction-finder", **place)
    cooperative = Sensor(id="c", kind="cooperative", **place)
    panel = Sensor(id="p", kind="radar", delivers="tracks", **place)
    tracker = Tracker(Site(name="warm-up", sensors=(radar, streaming, finder, cooperative, panel), **place))
    cover = Coverage(0, SECOND_NS, 0.0, 5000.0, 0.0, 2.0 * math.pi, 0.0, 1.5)
    for k in range(1, 9):
        t_ns = k * SECOND_NS
        # the same place twice makes duplicates, so that merging is compiled too
        tracker.step(Tick(t_ns, _batch("r", MeasurementKind.RADAR, RADAR_ROWS, t_ns, coverage=cover)))
        tracker.step(Tick(t_ns, _batch("s", MeasurementKind.RADAR, RADAR_ROWS[:1], t_ns)))
        tracker.step(Tick(t_ns, _batch("f", MeasurementKind.BEARING, [[0.3, 0.1], [2.0, np.nan]], t_ns)))
        names = Labels.of(["abc123", None])
        tracker.step(Tick(t_ns, _batch("c", MeasurementKind.REPORT, REPORT_ROWS, t_ns, texts={"identity": names})))
        number = {"track_number": np.arange(2.0)}
        tracker.step(Tick(t_ns, _batch("p", MeasurementKind.REPORT, REPORT_ROWS, t_ns, attributes=number)))
        tracker.step(Tick(t_ns + SECOND_NS // 2))
    tracker.step(Tick(t_ns + SECOND_NS, empty_look("r", MeasurementKind.RADAR, 9, cover)))
    tracker.step(Tick(t_ns + 3 * SECOND_NS))
    tracker.snapshot()
    _warm_registration()
    _warm_air()


def _warm_registration() -> None:
    """What needs several objects that report themselves: with nothing in it."""
    t, z, zero = np.zeros(1, np.int64), np.full((1, 6), np.nan), np.zeros((1, 3))
    vote(t, t, zero, zero, zero, np.zeros(1), np.zeros(1, np.bool_))
    references = References([])
    none = np.empty(0, np.int64)
    condition_pairs(
        int(MeasurementKind.RADAR), none, none, t, z, np.ones((1, 6)), np.zeros(3), np.eye(3), np.float64(0.0),
        np.zeros(N_ERROR), VAR_DUMMY, Q_REFERENCE, references.t_ns, references.x, references.P,
        references.t_ns, np.zeros((1, 6 + N_ERROR)), np.zeros((1, 6 + N_ERROR, 6 + N_ERROR)), t, t, t,
    )  # fmt: skip


def _warm_air() -> None:
    """What needs a track that has been straight for ten seconds: with nothing in it."""
    none, one = np.empty(0, np.int64), np.zeros((1, 1))
    z = np.empty((0, 6))
    straight_steps(
        int(MeasurementKind.RADAR), none, none, np.zeros((1, 1, 6)), np.zeros((1, 1, 6, 6)), np.zeros(1, np.int64),
        z, z, np.empty(0, np.bool_), none, np.zeros((1, 3)), np.zeros((1, 3, 3)), np.zeros(1), none, np.ones(1), 1.0,
        one, one, scratch(),
    )  # fmt: skip


def _batch(sensor: str, kind: MeasurementKind, rows: list[list[float]], t_ns: int, **more: object) -> MeasurementBatch:
    z = np.array(rows, np.float64)
    t = np.full(len(z), t_ns)
    return MeasurementBatch(sensor, kind, t, t.copy(), z, np.full((len(z), DIM[kind]), np.nan), **more)  # type: ignore[arg-type]
