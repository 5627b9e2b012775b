"""Sensor health is judged from the recorded stream alone."""

import msgspec
import numpy as np
import pytest

from lowsky.engine.health import SensorHealth
from lowsky.model.events import SensorDegraded, SensorDown, SensorUp
from lowsky.model.measurement import MeasurementBatch, MeasurementKind
from lowsky.model.ports import SensorReport, Tick
from lowsky.model.site import Sensor, Site

S = 1_000_000_000
PLACE = {"latitude_rad": 0.6, "longitude_rad": 2.2, "height_m": 10.0}
RADAR = Sensor(id="radar-1", kind="radar", sigma_range_m=10.0, sigma_azimuth_rad=0.01, look_period_s=1.0, **PLACE)
RECEIVER = Sensor(id="rid-1", kind="cooperative", **PLACE)
SITE = Site(name="Harbour", sensors=(RADAR, RECEIVER), **PLACE)


def plot(t_ns):
    t = np.array([t_ns])
    return MeasurementBatch(
        "radar-1", MeasurementKind.RADAR, t, t + S // 10, np.full((1, 4), 1.0), np.full((1, 4), np.nan)
    )


def passing(health, from_s, to_s):
    return [event for k in range(4 * from_s, 4 * to_s) for event in health.step(Tick(k * S // 4))]


def status(health):
    return {s.id: s.status for s in health.statuses()}


def test_a_radar_is_waiting_then_ok_then_stale_then_down_then_up_again():
    health = SensorHealth(SITE)
    assert status(health)["radar-1"] == "waiting"
    health.step(Tick(S, plot(S)))
    assert [type(e) for e in passing(health, 1, 3)] == [SensorUp]
    assert status(health)["radar-1"] == "ok"
    assert [type(e) for e in passing(health, 3, 6)] == [SensorDegraded]
    assert status(health)["radar-1"] == "stale"
    assert [type(e) for e in passing(health, 6, 13)] == [SensorDown]
    health.step(Tick(13 * S, plot(13 * S)))
    assert [type(e) for e in passing(health, 13, 14)] == [SensorUp]


@pytest.mark.parametrize("period_s", [None, 1.0])
def test_a_receiver_that_hears_nothing_is_not_stale_however_often_objects_send(period_s):
    sensors = (RADAR, msgspec.structs.replace(RECEIVER, look_period_s=period_s))
    health = SensorHealth(msgspec.structs.replace(SITE, sensors=sensors))
    health.step(Tick(S, reports=(SensorReport(sensor="rid-1", t_ns=S, connected=True),)))
    passing(health, 1, 200)
    assert status(health)["rid-1"] == "ok"


def test_a_lost_connection_is_down_with_its_reason():
    health = SensorHealth(SITE)
    lost = SensorReport(sensor="rid-1", t_ns=S, connected=False, detail="refused")
    (event,) = health.step(Tick(S, reports=(lost,)))
    assert isinstance(event, SensorDown) and event.cause == "refused"


def test_a_sensor_most_of_whose_records_are_broken_is_degraded():
    health = SensorHealth(SITE)
    health.step(Tick(S, plot(S)))
    passing(health, 1, 2)
    counts = {"records": 100, "measurements": 10, "MALFORMED": 90}
    health.step(Tick(2 * S, plot(2 * S), (SensorReport(sensor="radar-1", t_ns=S, connected=True, counts=counts),)))
    (event,) = passing(health, 2, 3)
    assert isinstance(event, SensorDegraded) and "90 of the last 100" in event.cause


def test_a_sensor_the_tracker_doubts_is_degraded_with_the_reason_and_up_again_without():
    health = SensorHealth(SITE)
    health.step(Tick(S, plot(S)))
    assert [type(e) for e in health.step(Tick(S + S // 4))] == [SensorUp]
    doubted = health.step(Tick(S + S // 2), {"radar-1": "off by +200 m in range; corrected"})
    assert [(type(e), e.cause) for e in doubted] == [(SensorDegraded, "off by +200 m in range; corrected")]
    assert health.statuses()[0].detail == "off by +200 m in range; corrected"
    saved = SensorHealth(SITE)
    saved.load(health.dump())
    assert saved.statuses() == health.statuses()
    assert [type(e) for e in health.step(Tick(S + 3 * S // 4))] == [SensorUp]


def test_saved_health_goes_on_exactly():
    health, other = SensorHealth(SITE), SensorHealth(SITE)
    health.step(Tick(S, plot(S)))
    passing(health, 1, 3)
    other.load(health.dump())
    assert other.statuses() == health.statuses()
    assert passing(other, 3, 15) == passing(health, 3, 15)


def counted(t_s, records, future, degraded=""):
    counts = {"records": records, "measurements": records - future, "held": 0, "errors": 0, "FUTURE": future}
    return SensorReport(sensor="radar-1", t_ns=t_s * S, connected=True, counts=counts, degraded=degraded)


def test_a_radar_whose_rows_are_all_refused_is_degraded_and_not_silent():
    health = SensorHealth(SITE)
    health.step(Tick(S, plot(S)))
    for k in range(1, 30):
        health.step(Tick(k * S, reports=(counted(k, 10 * k, 10 * k, "10 rows from the future"),)))
        passing(health, k, k + 1)
    assert status(health)["radar-1"] == "degraded"
    passing(health, 30, 60)  # and when nothing comes at all any more, it is down
    assert status(health)["radar-1"] == "down"


def test_a_radar_that_was_never_of_use_is_not_waiting():
    health = SensorHealth(SITE)
    for k in range(1, 5):
        health.step(Tick(k * S, reports=(counted(k, 10 * k, 10 * k, "10 rows from the future"),)))
        passing(health, k, k + 1)
    assert status(health)["radar-1"] == "degraded"


def test_losses_are_seen_after_a_restart_whose_counts_begin_anew():
    health = SensorHealth(SITE)
    health.step(Tick(S, plot(S), reports=(counted(1, 100_000, 0),)))
    health.step(Tick(2 * S, reports=(counted(2, 30, 30),)))
    passing(health, 2, 3)
    assert status(health)["radar-1"] == "degraded"
