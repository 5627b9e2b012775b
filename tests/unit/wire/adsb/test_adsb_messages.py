"""rs1090's fields against what was put in, and its two known faults."""

import math

import numpy as np
import pytest
import rs1090
from hypothesis import given
from hypothesis import strategies as st

from lowsky.constants import FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS
from lowsky.model.classes import BY_LABEL
from lowsky.wire.adsb import compose
from lowsky.wire.adsb.messages import (
    AIRBORNE,
    CLASSES,
    EMERGENCY,
    IDENTITY,
    MANY,
    NOTHING,
    OPERATIONAL,
    SURFACE,
    TARGET_STATE,
    UNUSED,
    VELOCITY,
    read_messages,
)  # fmt: skip


def row_of(me, first=0x8D):
    texts = []
    payload = np.frombuffer(compose.message(first, 0xABCDEF, me), np.uint8).reshape(1, 14)
    row = read_messages(payload, lambda text: texts.append(text) or float(len(texts) - 1))[0]
    return row, texts


@given(st.integers(-1000, 50_000), st.floats(-85, 85), st.floats(-180, 179.9), st.integers(0, 1), st.integers(0, 1))
def test_an_airborne_position_comes_back(altitude_ft, lat, lon, odd, nic_b):
    row, _ = row_of(compose.airborne_position(11, altitude_ft, lat, lon, odd, nic_b))
    y, x = compose.cpr_half(lat, lon, odd, 360.0)
    assert row[0] == AIRBORNE
    assert (row[1], row[2], row[3]) == (y / 2**17, x / 2**17, odd)
    assert row[4] == pytest.approx((altitude_ft + 1000) // 25 * 25 * FOOT_M - 1000 * FOOT_M)
    assert (row[5], row[6]) == (11, nic_b)


def test_rs1090_reads_nothing_above_50000_feet_in_steps_of_25():
    """A limit of 0.7.0 that docs/feeds/beast.md names; such messages are counted as MALFORMED."""
    assert row_of(compose.airborne_position(11, 50_000, 1.0, 2.0, 0))[0][0] == AIRBORNE
    assert row_of(compose.airborne_position(11, 50_025, 1.0, 2.0, 0))[0][0] == NOTHING


def test_a_missing_altitude_is_nan_and_zero_feet_is_zero():
    assert math.isnan(row_of(compose.airborne_position(11, None, 1.0, 2.0, 0))[0][4])
    assert row_of(compose.airborne_position(11, 0, 1.0, 2.0, 0))[0][4] == 0.0


@given(st.floats(0.0, 174.0), st.floats(0.0, 359.0))
def test_a_surface_position_comes_back(speed_kt, track_deg):
    row, _ = row_of(compose.surface_position(7, speed_kt, track_deg, 48.1, 2.3, 1))
    assert row[0] == SURFACE
    steps = ((0.125, 0.125), (1.0, 0.125), (2.0, 0.25), (15.0, 0.5), (70.0, 1.0), (100.0, 2.0), (175.0, 5.0))
    step_kt = next(step for end_kt, step in steps if speed_kt < end_kt)
    assert -1e-9 <= speed_kt - row[4] / KNOT_MPS < step_kt
    assert abs((math.degrees(row[5]) - track_deg + 180) % 360 - 180) < 1.5
    assert row[7] == 0.0


def test_missing_speed_and_track_are_nan_and_standing_is_zero():
    assert np.isnan(row_of(compose.surface_position(7, None, None, 48.1, 2.3, 1))[0][4:6]).all()
    assert row_of(compose.surface_position(7, 0.0, None, 48.1, 2.3, 1))[0][4] == 0.0


@given(st.integers(-1020, 1020), st.integers(-1020, 1020), st.integers(-500, 500), st.integers(-120, 120))
def test_a_velocity_comes_back(east, north, rate, difference):
    row, _ = row_of(compose.ground_velocity(east, north, 64 * rate, difference_ft=25 * difference, nac_v=2))
    assert (row[0], row[1], row[7]) == (VELOCITY, 1, 2)
    assert (row[2], row[3]) == (pytest.approx(east * KNOT_MPS, abs=1e-9), pytest.approx(north * KNOT_MPS, abs=1e-9))
    assert row[4] == pytest.approx(64 * rate * FOOT_PER_MINUTE_MPS)
    assert row[6] == pytest.approx(25 * difference * FOOT_M)


def test_what_a_velocity_does_not_know_is_nan_and_zero_is_zero():
    """If rs1090's part of this fails, it was mended: EAST_WEST, NORTH_SOUTH and ``_height_difference_m`` may go."""
    known = compose.ground_velocity(0, 0, 0, difference_ft=0)
    assert row_of(known)[0][[2, 3, 4, 6]].tolist() == [0.0, 0.0, 0.0, 0.0]
    assert rs1090.decode(compose.message(0x8D, 0xABCDEF, known).hex())["geo_minus_baro"] is None
    unknown = known & ~(0x3FF << 32 | 0x3FF << 21 | 0x1FF << 10 | 0x7F)
    assert rs1090.decode(compose.message(0x8D, 0xABCDEF, unknown).hex())["groundspeed"] == pytest.approx(2**0.5)
    assert np.isnan(row_of(unknown)[0][[2, 3, 4, 6]]).all()
    for missing in (0x3FF << 32, 0x3FF << 21):
        assert np.isnan(row_of(compose.ground_velocity(100, 50, 0) & ~missing)[0][2:4]).all()


def test_rs1090_swaps_the_source_of_the_vertical_rate_and_we_swap_it_back():
    """ME bit 36 is 0 for a rate from GNSS. If this fails, rs1090 was mended: GEOMETRIC_RATE_0_7_0 must go."""
    for geometric in (True, False):
        me = compose.ground_velocity(100, 100, 640, geometric=geometric)
        assert (me >> 20 & 1 == 0) == geometric
        said = rs1090.decode(compose.message(0x8D, 0xABCDEF, me).hex())["vrate_src"]
        assert said == ("barometric" if geometric else "GNSS")
        assert row_of(me)[0][5] == geometric


def test_rs1090_misses_the_supersonic_steps_and_we_put_them_back():
    """If this fails, rs1090 was mended: SUPERSONIC_STEPS_0_7_0 must go."""
    me = compose.ground_velocity(800, -1200, 0, subtype=2)
    assert rs1090.decode(compose.message(0x8D, 0xABCDEF, me).hex())["groundspeed"] == pytest.approx(
        math.hypot(200, 300)
    )
    row, _ = row_of(me)
    assert (row[2] / KNOT_MPS, row[3] / KNOT_MPS) == (pytest.approx(800), pytest.approx(-1200))


def test_airspeed_is_no_velocity_over_the_ground():
    row, _ = row_of(compose.airspeed(90.0, 300))
    assert (row[0], row[1]) == (VELOCITY, 3)
    assert np.isnan(row[2:4]).all()


def test_tis_b_velocity_keeps_only_what_lies_at_the_same_place():
    row, _ = row_of(compose.ground_velocity(100, 50, 640, difference_ft=100), first=18 << 3 | 2)
    assert row[2] == pytest.approx(100 * KNOT_MPS)
    assert np.isnan(row[[4, 6, 7]]).all()


@pytest.mark.parametrize(
    ("tc", "category", "name"),
    [
        (4, 3, "aeroplane"), (4, 7, "helicopter"), (4, 0, None), (3, 2, "balloon"), (3, 4, "paraglider"),
        (3, 6, "drone"), (3, 7, None), (2, 1, "vehicle"), (2, 3, "vehicle"), (2, 4, None), (1, 3, None),
    ],
)  # fmt: skip
def test_categories_become_classes(tc, category, name):
    row, texts = row_of(compose.identification(tc, category, "AB12"))
    assert row[0] == IDENTITY
    assert texts == ["AB12"]
    assert (None if math.isnan(row[2]) else CLASSES[int(row[2])]) == name


def test_every_class_exists():
    assert set(CLASSES) <= set(BY_LABEL)


def test_a_callsign_with_letters_that_do_not_exist_is_no_callsign():
    row, texts = row_of(4 << 51 | 1 << 48 | compose.callsign_bits("AB#12"))
    assert math.isnan(row[1])
    assert texts == []


def test_quality_messages_come_back():
    assert row_of(compose.operational_status(2, 1, 9, 3, 1))[0][:7].tolist() == [OPERATIONAL, 2, 1, 0, 9, 3, 1]
    assert row_of(compose.operational_status(1, 1, 8, 2))[0][:6].tolist() == [OPERATIONAL, 1, 1, 0, 8, 2]
    row, _ = row_of(compose.operational_status(0, 0, 0, 0))
    assert row[:2].tolist() == [OPERATIONAL, 0]
    assert np.isnan(row[[2, 4, 5]]).all()
    assert row_of(compose.target_state(8, 3))[0][:3].tolist() == [TARGET_STATE, 8, 3]


def test_an_emergency_and_its_code_come_back():
    general, squawk = 1, 0b0101010101010  # C1 A1 C2 A2 C4 A4 X B1 D1 B2 D2 B4 D4 of 7700
    row, texts = row_of(28 << 51 | 1 << 48 | general << 45 | squawk << 32)
    assert row[0] == EMERGENCY
    assert texts == ["general"]
    assert row[2] == 0o7700


@given(st.lists(st.tuples(st.sampled_from((0x8D, 0x90, 0x91, 0x92)), st.integers(0, 2**56 - 1)), max_size=30))
def test_no_message_of_good_parity_raises(given_messages):
    raw = b"".join(compose.message(first, 0xABCDEF, me) for first, me in given_messages)
    rows = read_messages(np.frombuffer(raw, np.uint8).reshape(-1, 14), lambda text: 0.0)
    assert rows.shape == (len(given_messages), 8)
    assert set(rows[:, 0]) <= set(range(NOTHING, UNUSED + 1))


def test_many_at_once_and_one_by_one_are_the_same(rng):
    mes = [compose.airborne_position(11, int(a), 48.0, 2.0, 0) for a in rng.integers(0, 40_000, MANY)]
    raw = np.frombuffer(b"".join(compose.message(0x8D, 0xABCDEF, me) for me in mes), np.uint8).reshape(-1, 14)
    single = np.concatenate([read_messages(raw[i : i + 1], lambda text: 0.0) for i in range(len(raw))])
    np.testing.assert_array_equal(read_messages(raw, lambda text: 0.0), single)
