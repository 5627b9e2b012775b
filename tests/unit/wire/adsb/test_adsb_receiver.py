"""What a receiver makes of what aircraft say one after the other."""

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowsky.constants import FOOT_M
from lowsky.model.measurement import Reject
from lowsky.wire.adsb import compose, receiver
from lowsky.wire.adsb.receiver import Frames, Receiver, Setting, play

HERE = (48.0, 2.0)
SETTING = Setting("rx", math.radians(HERE[0]), math.radians(HERE[1]), 100.0, math.inf, 200.0, 10.0, 150.0, 35.0)
A, B = 0x3C0001, 0x3C0002
S = 1_000_000_000


def frames_of(timed):
    """Frames of (seconds, message bytes)."""
    payload = np.zeros((len(timed), 14), np.uint8)
    for row, (_, message) in enumerate(timed):
        payload[row, : len(message)] = np.frombuffer(message, np.uint8)
    t_ns = np.array([round(t * S) for t, _ in timed], np.int64)
    return Frames(np.array([len(m) for _, m in timed], np.int64), payload, t_ns, t_ns)


def air(t, lat=48.5, lon=2.5, odd=None, who=A, altitude_ft=10_000, tc=11, first=0x8D):
    odd = round(t * 2) % 2 if odd is None else odd
    return t, compose.message(first, who, compose.airborne_position(tc, altitude_ft, lat, lon, odd))


def ground(t, lat=48.01, lon=2.01, odd=None, who=A, speed_kt=10.0, first=0x8C):
    odd = round(t * 2) % 2 if odd is None else odd
    return t, compose.message(first, who, compose.surface_position(7, speed_kt, 90.0, lat, lon, odd))


def said(t, me, who=A, first=0x8D):
    return t, compose.message(first, who, me)


def step(*timed, setting=SETTING):
    return Receiver(setting).step(frames_of(list(timed)))


def rows(result):
    """(identity, latitude deg, longitude deg) of each row with a position."""
    return [
        (b.texts["identity"].text(k), math.degrees(b.z[k, 0]), math.degrees(b.z[k, 1]))
        for b in result.batches
        for k in range(len(b))
        if not math.isnan(b.z[k, 0])
    ]


def lawful(results):
    results = list(results)
    measured = sum(len(b) for r in results for b in r.batches)
    rejected = sum(r.rejected.total() for r in results)
    return sum(r.records for r in results) == measured + rejected + (results[-1].held if results else 0)


def test_the_first_half_waits_and_the_second_gives_a_position():
    one = step(air(0.0))
    assert (one.held, one.batches, one.rejected) == (1, (), Counter())
    two = step(air(0.0), air(0.5))
    assert (two.held, two.rejected) == (0, Counter({Reject.UNPAIRED: 1}))
    ((who, lat, lon),) = rows(two)
    assert who == "3c0001"
    assert (lat, lon) == (pytest.approx(48.5, abs=1e-4), pytest.approx(2.5, abs=1e-4))


def test_after_a_position_each_half_gives_one():
    result = step(*(air(0.5 * k, lat=48.5 + 0.001 * k) for k in range(10)))
    assert [round(lat, 3) for _, lat, _ in rows(result)] == [round(48.5 + 0.001 * k, 3) for k in range(1, 10)]


def test_halves_too_far_apart_in_time_are_no_pair():
    result = step(air(0.0, odd=0), air(10.5, odd=1))
    assert (result.held, result.rejected) == (1, Counter({Reject.UNPAIRED: 1}))
    assert rows(result) == []


def test_halves_of_two_places_are_no_pair():
    """One address, two senders 2 km apart within half a second: 8,000 m/s is no aircraft."""
    result = step(air(0.0, odd=0), air(0.5, odd=1, lat=48.518))
    assert rows(result) == []
    assert result.held == 1


def test_a_position_no_aircraft_can_have_reached_is_not_believed_and_a_new_place_needs_a_new_pair():
    stream = [air(0.0), air(0.5), *(air(1.0 + 0.5 * k, lat=50.5) for k in range(6))]
    result = step(*stream)
    assert result.rejected[Reject.OUT_OF_RANGE] == 3
    assert [round(lat, 2) for _, lat, _ in rows(result)] == [48.5, 50.5, 50.5]
    assert lawful([result])


def test_nothing_is_believed_beyond_the_range_of_the_receiver():
    far = [air(0.0, lat=67.0), air(0.5, lat=67.0)]  # 2,100 km
    assert step(*far).rejected[Reject.OUT_OF_RANGE] == 1
    near = Setting("rx", SETTING.latitude_rad, SETTING.longitude_rad, 0.0, 2_200_000.0, 200.0, 10.0, 150.0, 35.0)
    assert len(rows(step(*far, setting=near))) == 1


@pytest.mark.parametrize("place", [(48.01, 2.01), (47.2, 0.9), (-33.9, 151.2)])
def test_the_quarter_of_the_earth_of_a_surface_pair_is_the_receivers(place):
    setting = Setting(
        "rx", math.radians(place[0] + 0.3), math.radians(place[1] - 0.3), 42.0, math.inf, 200, 10, 150, 35
    )
    result = step(ground(0.0, *place), ground(0.5, *place), setting=setting)
    ((_, lat, lon),) = rows(result)
    assert (lat, lon) == (pytest.approx(place[0], abs=1e-4), pytest.approx(place[1], abs=1e-4))
    (batch,) = result.batches
    assert batch.attributes["on_ground"][0] == 1.0
    assert (batch.z[0, 2], batch.sigma[0, 2]) == (42.0, 50.0)
    assert batch.z[0, 3] == pytest.approx(10.0 * 1852 / 3600)
    assert abs(batch.z[0, 4]) < 1e-9


def test_a_landing_aircraft_keeps_its_place():
    result = step(air(0.0, 48.011, 2.01, altitude_ft=0), air(0.5, 48.011, 2.01, altitude_ft=0), ground(1.0))
    assert [round(lat, 3) for _, lat, _ in rows(result)] == [48.011, 48.01]


def test_heights_keep_their_datum():
    difference = compose.ground_velocity(200, 0, 0, difference_ft=500)
    result = step(
        air(0.0), air(0.5),  # pressure altitude only
        said(0.6, difference), air(1.0),  # the aircraft says how far its geometric height is off
        air(40.0),  # and has not said so for more than 30 s
        air(40.5, tc=20, altitude_ft=10_500),  # height from GNSS
        air(41.0, altitude_ft=None),
    )  # fmt: skip
    (batch,) = result.batches
    position = ~np.isnan(batch.z[:, 0])
    heights, sigmas = batch.z[position, 2], batch.sigma[position, 2]
    pressure = batch.attributes["pressure_altitude_m"][position]
    assert heights[:4] == pytest.approx(np.array([10_000, 10_500, 10_000, 10_500]) * FOOT_M)
    assert sigmas[:4] == pytest.approx([150.0, math.hypot(50, 35), 150.0, math.hypot(50, 35)])
    assert pressure[:3] == pytest.approx(10_000 * FOOT_M)
    assert np.isnan(pressure[3:]).all()
    assert np.isnan([heights[4], sigmas[4]]).all()


def test_quality_said_before_a_position_is_its_quality_until_it_is_old():
    result = step(
        air(0.0), air(0.5),
        said(0.6, compose.operational_status(2, 0, 9, 3, 2)), air(1.0),
        said(1.2, compose.target_state(10, 2)), air(1.5),
        air(70.0),
    )  # fmt: skip
    (batch,) = result.batches
    np.testing.assert_array_equal(batch.attributes["nac_p"], [np.nan, 9, 10, np.nan])
    np.testing.assert_array_equal(batch.attributes["sil"], [np.nan, 3, 2, np.nan])
    np.testing.assert_array_equal(batch.attributes["nic"], [8, 8, 8, 8])
    assert batch.sigma[:, 0] == pytest.approx([12.0, 30 / 2.4477, 10 / 2.4477, 12.0], rel=1e-3)


def test_a_sender_that_promises_nothing_gets_the_default():
    (batch,) = step(air(0.0, tc=18), said(0.1, compose.operational_status(2, 0, 0, 0)), air(0.5, tc=18)).batches
    assert batch.sigma[0, 0] == 200.0
    assert batch.attributes["nic"][0] == 0.0


def test_velocity_is_a_row_of_its_own_and_airspeed_is_none():
    result = step(
        said(0.0, compose.ground_velocity(100, -50, 640, nac_v=2)),
        said(1.0, compose.airspeed(90.0, 300)),
        air(1.0), air(1.5),
    )  # fmt: skip
    (batch,) = result.batches
    assert result.rejected == Counter({Reject.NOT_A_MEASUREMENT: 1, Reject.UNPAIRED: 1})
    assert np.isnan(batch.z[0, :3]).all()
    assert np.isnan(batch.z[1, 3:]).all()
    assert batch.z[0, 3:] == pytest.approx([100 * 1852 / 3600, -50 * 1852 / 3600, 640 * FOOT_M / 60])
    assert batch.sigma[0, 3:] == pytest.approx([3 / 2.4477, 3 / 2.4477, 1.5], rel=1e-3)
    np.testing.assert_array_equal(batch.attributes["velocity_subtype"], [1, 3])


def test_a_velocity_no_aircraft_has_is_not_believed():
    assert step(said(0.0, compose.ground_velocity(4000, 0, 0, subtype=2))).rejected == Counter({Reject.OUT_OF_RANGE: 1})
    assert step(said(0.0, compose.ground_velocity(100, 0, 32_000))).rejected == Counter({Reject.OUT_OF_RANGE: 1})


def test_the_same_transmission_heard_twice_counts_once():
    velocity = said(0.1, compose.ground_velocity(100, 0, 0))
    result = step(air(0.0), air(0.5), (0.5001, air(0.5)[1]), velocity, (0.1002, velocity[1]))
    assert result.rejected[Reject.DUPLICATE] == 2
    assert sum(len(b) for b in result.batches) == 2


def test_a_parked_aircraft_that_repeats_itself_is_no_duplicate():
    result = step(*(ground(0.5 * k, speed_kt=0.0) for k in range(6)))
    assert Reject.DUPLICATE not in result.rejected
    assert len(rows(result)) == 5


def test_class_and_callsign_come_with_later_rows():
    me = compose.identification(3, 6, "UAV7")
    (batch,) = step(
        air(0.0), air(0.5), said(0.6, me), air(1.0), said(1.1, 28 << 51 | 1 << 48 | 1 << 45), air(1.5)
    ).batches
    assert [batch.texts["callsign"].text(k) for k in range(3)] == [None, "UAV7", "UAV7"]
    assert [batch.texts["class"].text(k) for k in range(3)] == [None, "drone", "drone"]
    assert [batch.texts["status"].text(k) for k in range(3)] == [None, None, "general"]


def test_a_ground_sender_is_a_vehicle_and_an_anonymous_one_is_marked():
    (batch,) = step(ground(0.0, first=0x90), ground(0.5, first=0x90)).batches
    assert (batch.texts["class"].text(0), batch.texts["identity"].text(0)) == ("vehicle", "3c0001")
    (batch,) = step(ground(0.0, first=0x91), ground(0.5, first=0x91)).batches
    assert batch.texts["identity"].text(0) == "~3c0001"
    (batch,) = step(ground(0.0), ground(0.5)).batches
    assert "class" not in batch.texts


def test_the_antimeridian_is_no_edge():
    setting = Setting("rx", 0.0, math.radians(179.9), 0.0, math.inf, 200, 10, 150, 35)
    result = step(*(air(0.5 * k, 0.01, (179.99 + 0.002 * k + 180) % 360 - 180) for k in range(10)), setting=setting)
    assert len(rows(result)) == 9
    assert rows(result)[-1][2] == pytest.approx(-179.992, abs=1e-3)


def many():
    """Two aircraft and a vehicle in the air, on the ground and silent, as one stream."""
    stream = []
    for k in range(400):
        t = 0.5 * k + (400 if k > 300 else 0)
        stream += [air(t, 48.5 + 0.001 * k), air(t + 0.01, 47.5, 2.0 + 0.001 * k, who=B, tc=12)]
        stream += [ground(t + 0.02, who=0x3C0003, first=0x90)]
        if k % 7 == 0:
            stream += [said(t + 0.03, compose.ground_velocity(k, -k, 64 * k % 2000, difference_ft=25 * (k % 40)))]
        if k % 11 == 0:
            stream += [said(t + 0.04, compose.operational_status(2, 0, k % 12, 3)), said(t + 0.05, 31 << 51)]
        if k % 13 == 0:
            stream += [said(t + 0.06, compose.identification(4, k % 8, f"C{k % 4}"))]
    return stream


STREAM = many()


def table(results):
    """Every row of every batch as a tuple, NaN as None."""
    found = []
    for batch in (b for r in results for b in r.batches):
        for k in range(len(batch)):
            numbers = [*batch.z[k], *batch.sigma[k]]
            attributes = {name: column[k] for name, column in batch.attributes.items() if not math.isnan(column[k])}
            texts = {name: labels.text(k) for name, labels in batch.texts.items() if labels.text(k)}
            found.append((int(batch.t_meas_ns[k]), [None if math.isnan(x) else x for x in numbers], attributes, texts))
    return found


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_the_cut_of_the_stream_changes_nothing(sizes):
    whole = Receiver(SETTING).step(frames_of(STREAM))
    in_parts, at, k, sink = [], 0, 0, Receiver(SETTING)
    while at < len(STREAM):
        n = sizes[k % len(sizes)]
        in_parts.append(sink.step(frames_of(STREAM[at : at + n])))
        at, k = at + n, k + 1
    assert table(in_parts) == table([whole])
    assert lawful(in_parts)
    assert lawful([whole])


def test_a_recording_comes_in_batches_of_50_ms_with_the_same_rows():
    played = list(play(Receiver(SETTING), [frames_of(STREAM[:500]), frames_of(STREAM[500:])]))
    assert table(played) == table([Receiver(SETTING).step(frames_of(STREAM))])
    assert lawful(played)
    for result in played:
        for batch in result.batches:
            assert np.ptp(batch.t_recv_ns) < 50_000_000
    starts = [int(b.t_recv_ns[0]) // 50_000_000 for r in played for b in r.batches]
    assert starts == sorted(set(starts))


def test_messages_of_good_parity_end_as_measurements_or_counted_rejects():
    """What the fuzzer cannot reach, for nearly all it makes fails parity."""
    draw, sink, results, t = random.Random(3), Receiver(SETTING), [], 0.0
    for _ in range(40):
        stream = []
        for _ in range(100):
            tc = draw.choice((1, 4, 5, 7, 8, 9, 11, 13, 16, 18, 19, 20, 22, 28, 29, 31))
            me = tc << 51 | draw.getrandbits(51)
            if 9 <= tc <= 18 and draw.random() < 0.5:
                altitude_ft = draw.choice((None, 0, 30_000))
                me = compose.airborne_position(tc, altitude_ft, 48.0 + draw.random() * 0.01, 2.0, draw.randrange(2))
            first = draw.choice((0x8C, 0x8D, 0x90, 0x91, 0x92, 0x95, 0x96))
            stream.append(said(t, me, draw.randrange(0x100, 0x104), first))
            t += draw.choice((0.0, 0.01, 0.2))
        t += draw.choice((0.0, 50.0, 400.0))
        results.append(sink.step(frames_of(stream)))
        for batch in results[-1].batches:
            assert np.isfinite(batch.z[~np.isnan(batch.z)]).all()
            assert not np.isnan(batch.z).all(axis=1).any()
            np.testing.assert_array_equal(np.isnan(batch.sigma), np.isnan(batch.z))
            assert (batch.sigma[~np.isnan(batch.sigma)] > 0.0).all()
            assert np.nanmax(np.abs(batch.z[:, 0]), initial=0.0) <= math.pi / 2
        assert lawful(results)
    assert sum(len(batch) for result in results for batch in result.batches) > 100


def test_parts_that_end_with_a_full_block_are_cut_like_any_other():
    level = compose.ground_velocity(100, 50, 0)
    stream = frames_of([said(0.001 * k, level) for k in range(receiver.BLOCK_FRAMES)])
    played = list(play(Receiver(SETTING), [stream, frames_of([said(5.0, level)])]))
    assert sum(result.records for result in played) == receiver.BLOCK_FRAMES + 1


def test_a_velocity_without_vertical_rate_that_many_hear_counts_once():
    no_rate = compose.ground_velocity(100, 50, 0) & ~(0x1FF << 10)
    result = step(said(0.0, no_rate), said(0.001, no_rate), said(0.5, no_rate))
    assert [len(batch) for batch in result.batches] == [2]
    assert result.rejected == Counter({Reject.DUPLICATE: 1})


def test_a_velocity_that_is_not_known_is_no_measurement():
    result = step(said(0.0, compose.ground_velocity(100, 50, 64) & ~(0x3FF << 32 | 0x3FF << 21)))
    assert (result.batches, result.rejected) == ((), Counter({Reject.NOT_A_MEASUREMENT: 1}))


def test_a_flood_of_addresses_is_bounded_and_counted(monkeypatch):
    monkeypatch.setattr(receiver, "MAX_SENDERS", 100)
    sink = Receiver(SETTING)
    results = [sink.step(frames_of([air(0.001 * k, who=1000 + k)])) for k in range(1000)]
    assert lawful(results)
    assert results[-1].held <= 101


def test_old_halves_are_given_up_without_their_sender_saying_more():
    sink = Receiver(SETTING)
    first = sink.step(frames_of([air(0.0)]))
    last = sink.step(frames_of([said(60.0, compose.identification(4, 1, "X"), who=B)]))
    assert (first.held, last.held) == (1, 0)
    assert last.rejected == Counter({Reject.UNPAIRED: 1, Reject.NOT_A_MEASUREMENT: 1})


def test_texts_of_senders_long_gone_are_forgotten(monkeypatch):
    monkeypatch.setattr(receiver, "MAX_TEXTS", 20)
    sink = Receiver(SETTING)
    for k in range(100):
        sink.step(frames_of([said(20.0 * k, compose.identification(4, 1, f"N{k}"), who=100 + k)]))
    assert len(sink._texts) <= 40
    result = sink.step(frames_of([air(1981.0, who=199), air(1981.5, who=199)]))
    assert result.batches[0].texts["callsign"].text(0) == "N99"
