"""What each aircraft has said so far, and what a new message of it adds up to.

One row of ``state`` per aircraft, one row of ``out`` per message. The kernel goes through the messages in order, so
a position gets the quality, callsign and height difference that were known when it was sent, and the answer does
not depend on how the stream was cut into calls.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Floats, Ints, Reject
from lowsky.wire.adsb.compiled import compiled
from lowsky.wire.adsb.cpr import distance_m, from_one, from_pair
from lowsky.wire.adsb.integrity import (
    EPU_M,
    GVA_95_M,
    NIC,
    RC_M,
    SIGMA_PER_95_LINE,
    SIGMA_PER_95_PLANE,
    SIGMA_PER_RC,
    VELOCITY_95_MPS,
    VERTICAL_RATE_95_MPS,
)
from lowsky.wire.adsb.messages import (
    AIRBORNE,
    CLASSES,
    EMERGENCY,
    IDENTITY,
    NOTHING,
    OPERATIONAL,
    SURFACE,
    TARGET_STATE,
    VELOCITY,
)

ROW_MADE, HELD = 0, 255
"""Verdicts besides the numbers of ``Reject``: a measurement was made; the message waits for its other half."""

DUPLICATE = int(Reject.DUPLICATE)
OUT_OF_RANGE = int(Reject.OUT_OF_RANGE)
NOT_A_MEASUREMENT = int(Reject.NOT_A_MEASUREMENT)
MALFORMED = int(Reject.MALFORMED)

# columns of ``state``; times are seconds since the receiver's first frame, NaN is "never said"
(
    SEEN_S, LAT, LON, FIX_S, MISSES,  # newest position and how many since then did not fit
    HELD_SPAN, HELD_ODD, HELD_Y, HELD_X, HELD_S,  # a half that waits; HELD_SPAN NaN: none
    EVEN_KEY, EVEN_S, ODD_KEY, ODD_S, VEL_EAST, VEL_NORTH, VEL_UP, VEL_S,  # newest messages, to know repeats
    SUBTYPE, NAC_V, DIFFERENCE_M, DIFFERENCE_S,  # of velocity messages
    VERSION, NIC_A, NIC_C, NAC_P, SIL, GVA, QUALITY_S,  # of status messages
    CALLSIGN, CLASS, STATE, MODE_3A,
) = range(33)  # fmt: skip
STATE_WIDTH = 33

# columns of ``out``: z, sigma of z (but one for both horizontal axes), then attributes and numbers of texts
(
    OUT_LAT, OUT_LON, OUT_HEIGHT, OUT_EAST, OUT_NORTH, OUT_UP,
    OUT_SIGMA_POSITION, OUT_SIGMA_HEIGHT, OUT_SIGMA_VELOCITY, OUT_SIGMA_UP,
    OUT_PRESSURE_ALTITUDE, OUT_ON_GROUND, OUT_NIC, OUT_NAC_P, OUT_NAC_V, OUT_SIL, OUT_SUBTYPE, OUT_MODE_3A,
    OUT_CALLSIGN, OUT_CLASS, OUT_STATE,
) = range(21)  # fmt: skip
OUT_WIDTH = 21

# columns of ``receiver``
(
    RECEIVER_LAT, RECEIVER_LON, RECEIVER_HEIGHT_M, MAX_RANGE_M, DEFAULT_SIGMA_POSITION_M,
    DEFAULT_SIGMA_VELOCITY_MPS, SIGMA_PRESSURE_M, SIGMA_GEOID_M,
) = range(8)  # fmt: skip

VEHICLE = float(CLASSES.index("vehicle"))
AIR_SPAN_DEG, GROUND_SPAN_DEG = 360.0, 90.0
MAX_FIX_AGE_S = 300.0
"""Older than this, a position no longer tells the zone: 300 s at 250 m/s is 75 km, half a surface zone is 83 km."""
FORGET_S = 330.0
"""A sender silent for so long starts anew: longer than its position stays of use."""
MAX_PAIR_S = 10.0
"""Airborne halves further apart are no pair (J. Sun, "Airborne position")."""
MAX_GROUND_PAIR_S = 25.0
"""The same on the surface, where a parked aircraft sends every 5 s."""
MAX_AIR_SPEED_MPS, AIR_MARGIN_M = 600.0, 3000.0
"""A position further from the last one than this speed allows is not believed. The margin is for reports that a
network held up, so that their times are closer together than they were sent."""
MAX_GROUND_SPEED_MPS, GROUND_MARGIN_M = 110.0, 500.0
GAP_SPEED_MPS, GAP_MARGIN_M = 400.0, 500.0
"""Two halves of one aircraft contradict each other by what it flew between them (``cpr.from_pair``: gap_m)."""
MAX_MISSES = 3
"""So many positions in a row that do not fit, and the old one is given up: the next pair starts afresh."""
REPEAT_S = 0.2
"""The same message within this time is one transmission heard twice: positions and velocities are sent every
0.4 s or less often; in the Toulouse frames (several receivers) copies come within 0.1 ms."""
DIFFERENCE_AGE_S = 30.0
QUALITY_AGE_S = 60.0
"""Status is sent every 2.5 s (target state 1.25 s); a minute without says that it is not known any more."""
SUBTYPE_AGE_S = 10.0
MAX_SPEED_MPS, MAX_RATE_MPS = 750.0, 160.0
"""Faster is no aircraft but a wrong bit or a lie."""
ALTITUDE_M = (-1000.0, 40_000.0)

GOOD_RC_M, SIGMA_GNSS_M = 1111.2, 12.0
"""A containment radius is integrity (what a fault could hide), not accuracy: up to 0.6 NM it is a GNSS fix under
ordinary geometry, whose own scatter is some metres. 12 m is NACp 9, what such senders state when they state it."""
SIGMA_FLOOR_M = 3.0
SIGMA_GEOMETRIC_M = 50.0
"""1σ of a geometric height whose accuracy the sender does not state."""
SIGMA_GROUND_HEIGHT_M = 50.0
"""1σ of the receiver's height taken as the height of the ground around it."""
SIGMA_VELOCITY_FLOOR_MPS = 0.3
"""Velocities come in steps of 1 kt, 0.15 m/s (1σ) by itself."""
SIGMA_BAROMETRIC_RATE_MPS = 1.5
SIGMA_RATE_FLOOR_MPS = 0.5
SIGMA_GROUND_SPEED_FLOOR_MPS, SIGMA_GROUND_SPEED = 3.0, 0.1
"""1σ of a velocity on the ground: the floor, and the share of the speed. Against the way between their own positions,
two airliners of the Toulouse recording say 1.5 m/s too much at 3 m/s, 1.9 too little at 10 and 3.5 too little at 30,
for as long as they roll; such lasting errors count for more than their size (``receiver.SIGMA_VELOCITY_MPS``)."""
SIGMA_GROUND_RATE_MPS = 0.5


@compiled
def _quality(s: Floats, t: float, tc: float, nic_b: float, receiver: Floats, out: Floats) -> None:
    """NIC, NACp, SIL and the horizontal sigma of a position."""
    known = t - s[QUALITY_S] <= QUALITY_AGE_S
    version = min(s[VERSION], 2.0) if known and not math.isnan(s[VERSION]) else 0.0
    a = int(s[NIC_A]) if known and not math.isnan(s[NIC_A]) else 0
    c = int(s[NIC_C]) if known and not math.isnan(s[NIC_C]) else 0
    nic, rc_m = NIC[int(version), int(tc), a, int(nic_b), c], RC_M[int(version), int(tc), a, int(nic_b), c]
    out[OUT_NIC] = nic
    sigma = receiver[DEFAULT_SIGMA_POSITION_M]
    if not math.isnan(rc_m):
        sigma = rc_m * SIGMA_PER_RC
        if rc_m <= GOOD_RC_M:
            sigma = min(sigma, SIGMA_GNSS_M)
    if known:
        out[OUT_NAC_P], out[OUT_SIL] = s[NAC_P], s[SIL]
        if not math.isnan(s[NAC_P]):
            epu_m = EPU_M[int(s[NAC_P])]
            if not math.isnan(epu_m):
                sigma = epu_m * SIGMA_PER_95_PLANE
    out[OUT_SIGMA_POSITION] = max(sigma, SIGMA_FLOOR_M)


@compiled
def _height(s: Floats, t: float, altitude_m: float, is_geometric: bool, receiver: Floats, out: Floats) -> None:
    """Height and its sigma: geometric where the sender gives the means, else pressure altitude."""
    sigma = SIGMA_GEOMETRIC_M
    if t - s[QUALITY_S] <= QUALITY_AGE_S and not math.isnan(s[GVA]) and not math.isnan(GVA_95_M[int(s[GVA])]):
        sigma = GVA_95_M[int(s[GVA])] * SIGMA_PER_95_LINE
    if not s[VERSION] >= 2.0:  # before version 2 the height may be above sea level
        sigma = math.sqrt(sigma * sigma + receiver[SIGMA_GEOID_M] ** 2)
    if is_geometric:
        out[OUT_HEIGHT], out[OUT_SIGMA_HEIGHT] = altitude_m, sigma
        return
    out[OUT_PRESSURE_ALTITUDE] = altitude_m
    if math.isnan(altitude_m):
        return
    if t - s[DIFFERENCE_S] <= DIFFERENCE_AGE_S:
        out[OUT_HEIGHT], out[OUT_SIGMA_HEIGHT] = altitude_m + s[DIFFERENCE_M], sigma
    else:
        out[OUT_HEIGHT], out[OUT_SIGMA_HEIGHT] = altitude_m, receiver[SIGMA_PRESSURE_M]


@compiled
def _hold(s: Floats, t: float, span: float, odd: float, y: float, x: float) -> int:
    """Keep a half for its other half. Returns how many halves were given up for it: 0 or 1."""
    given_up = 0 if math.isnan(s[HELD_SPAN]) else 1
    s[HELD_SPAN], s[HELD_ODD], s[HELD_Y], s[HELD_X], s[HELD_S] = span, odd, y, x, t
    return given_up


@compiled
def _locate(s: Floats, t: float, message: Floats, span: float, receiver: Floats) -> tuple[int, float, float, int]:
    """Latitude and longitude (deg) of a position message.

    Returns verdict (ROW_MADE, HELD or a Reject), latitude, longitude, and how many held halves were given up.
    """
    y, x, odd = message[1], message[2], message[3]
    on_ground = span == GROUND_SPAN_DEG
    speed, margin_m = (MAX_GROUND_SPEED_MPS, GROUND_MARGIN_M) if on_ground else (MAX_AIR_SPEED_MPS, AIR_MARGIN_M)
    here = (receiver[RECEIVER_LAT], receiver[RECEIVER_LON])
    given_up = 0
    if abs(t - s[FIX_S]) <= MAX_FIX_AGE_S:
        ok, lat, lon = from_one((y, x), odd == 1.0, span, (s[LAT], s[LON]))
        moved_m = distance_m(lat, lon, s[LAT], s[LON]) if ok else math.inf
        if moved_m > margin_m + speed * abs(t - s[FIX_S]):
            s[MISSES] += 1.0
            if s[MISSES] >= MAX_MISSES:
                s[FIX_S] = math.nan
            return OUT_OF_RANGE, 0.0, 0.0, given_up
    else:
        max_pair_s = MAX_GROUND_PAIR_S if on_ground else MAX_PAIR_S
        dt_s = abs(t - s[HELD_S])
        if not (s[HELD_SPAN] == span and s[HELD_ODD] != odd and dt_s <= max_pair_s):
            return HELD, 0.0, 0.0, _hold(s, t, span, odd, y, x)
        held = (s[HELD_Y], s[HELD_X])
        even, other = (held, (y, x)) if odd == 1.0 else ((y, x), held)
        ok, lat, lon, gap_m = from_pair(even, other, odd == 1.0, span, here)
        if not ok or gap_m > GAP_MARGIN_M + GAP_SPEED_MPS * dt_s:
            return HELD, 0.0, 0.0, _hold(s, t, span, odd, y, x)
        # the held half's own position is known now, but too late to be of use
        s[HELD_SPAN] = math.nan
        given_up = 1
    if distance_m(lat, lon, here[0], here[1]) > receiver[MAX_RANGE_M]:
        s[FIX_S] = math.nan
        return OUT_OF_RANGE, 0.0, 0.0, given_up
    s[LAT], s[LON], s[FIX_S], s[MISSES] = lat, lon, t, 0.0
    return ROW_MADE, lat, lon, given_up


@compiled
def _is_repeat(s: Floats, t: float, message: Floats, span: float) -> bool:
    """True where the same half was just heard; remembers this one."""
    key = (message[1] * 131_072.0 + message[2]) * 131_072.0 + (0.5 if span == AIR_SPAN_DEG else 0.0)
    of_key, of_time = (ODD_KEY, ODD_S) if message[3] == 1.0 else (EVEN_KEY, EVEN_S)
    again = bool(s[of_key] == key and abs(t - s[of_time]) <= REPEAT_S)
    s[of_key], s[of_time] = key, t
    return again


@compiled
def _airborne(s: Floats, t: float, message: Floats, receiver: Floats, out: Floats) -> tuple[int, int]:
    altitude_m, tc = message[4], message[5]
    if _is_repeat(s, t, message, AIR_SPAN_DEG):
        return DUPLICATE, 0
    if altitude_m < ALTITUDE_M[0] or altitude_m > ALTITUDE_M[1]:
        return OUT_OF_RANGE, 0
    verdict, lat, lon, given_up = _locate(s, t, message, AIR_SPAN_DEG, receiver)
    if verdict == ROW_MADE:
        out[OUT_LAT], out[OUT_LON] = math.radians(lat), math.radians(lon)
        out[OUT_ON_GROUND] = 0.0
        _quality(s, t, tc, message[6], receiver, out)
        _height(s, t, altitude_m, tc >= 20.0, receiver, out)
    return verdict, given_up


@compiled
def _surface(s: Floats, t: float, message: Floats, receiver: Floats, out: Floats) -> tuple[int, int]:
    speed, track = message[4], message[5]
    if message[7] == 1.0 and math.isnan(s[CLASS]):
        s[CLASS] = VEHICLE
    if _is_repeat(s, t, message, GROUND_SPAN_DEG):
        return DUPLICATE, 0
    verdict, lat, lon, given_up = _locate(s, t, message, GROUND_SPAN_DEG, receiver)
    if verdict == ROW_MADE:
        out[OUT_LAT], out[OUT_LON] = math.radians(lat), math.radians(lon)
        out[OUT_HEIGHT], out[OUT_SIGMA_HEIGHT] = receiver[RECEIVER_HEIGHT_M], SIGMA_GROUND_HEIGHT_M
        out[OUT_ON_GROUND] = 1.0
        _quality(s, t, message[6], 0.0, receiver, out)
        if speed == 0.0:
            out[OUT_EAST], out[OUT_NORTH] = 0.0, 0.0
        elif not math.isnan(speed) and not math.isnan(track):
            out[OUT_EAST], out[OUT_NORTH] = speed * math.sin(track), speed * math.cos(track)
        if not math.isnan(out[OUT_EAST]):
            out[OUT_UP] = 0.0
            out[OUT_SIGMA_VELOCITY] = max(SIGMA_GROUND_SPEED_FLOOR_MPS, SIGMA_GROUND_SPEED * speed)
            out[OUT_SIGMA_UP] = SIGMA_GROUND_RATE_MPS
    return verdict, given_up


@compiled
def _velocity(s: Floats, t: float, message: Floats, receiver: Floats, out: Floats) -> int:
    subtype, east, north, up = message[1], message[2], message[3], message[4]
    nac_v = message[7]
    same_up = s[VEL_UP] == up or (math.isnan(s[VEL_UP]) and math.isnan(up))
    repeat = s[VEL_EAST] == east and s[VEL_NORTH] == north and same_up and abs(t - s[VEL_S]) <= REPEAT_S
    s[SUBTYPE], s[NAC_V], s[VEL_S] = subtype, nac_v, t
    s[VEL_EAST], s[VEL_NORTH], s[VEL_UP] = east, north, up
    if not math.isnan(message[6]):
        s[DIFFERENCE_M], s[DIFFERENCE_S] = message[6], t
    if subtype > 2.0 or math.isnan(east):
        return NOT_A_MEASUREMENT  # airspeed and heading: through the air, not over the ground; or nothing at all
    if repeat:
        return DUPLICATE
    if math.hypot(east, north) > MAX_SPEED_MPS or abs(up) > MAX_RATE_MPS:
        return OUT_OF_RANGE
    out[OUT_EAST], out[OUT_NORTH], out[OUT_UP] = east, north, up
    out[OUT_ON_GROUND] = 0.0
    sigma, sigma_up = receiver[DEFAULT_SIGMA_VELOCITY_MPS], SIGMA_BAROMETRIC_RATE_MPS
    if not math.isnan(nac_v) and not math.isnan(VELOCITY_95_MPS[int(nac_v)]):
        sigma = VELOCITY_95_MPS[int(nac_v)] * SIGMA_PER_95_PLANE
        if message[5] == 1.0:
            sigma_up = VERTICAL_RATE_95_MPS[int(nac_v)] * SIGMA_PER_95_LINE
    out[OUT_SIGMA_VELOCITY] = max(sigma, SIGMA_VELOCITY_FLOOR_MPS)
    if not math.isnan(up):
        out[OUT_SIGMA_UP] = max(sigma_up, SIGMA_RATE_FLOOR_MPS)
    if t - s[QUALITY_S] <= QUALITY_AGE_S:
        out[OUT_NAC_P], out[OUT_SIL] = s[NAC_P], s[SIL]
    return ROW_MADE


@compiled
def _remember(s: Floats, t: float, message: Floats) -> None:
    """Take over what a message says about its sender."""
    kind = message[0]
    if kind == IDENTITY:
        s[CALLSIGN], s[CLASS] = message[1], s[CLASS] if math.isnan(message[2]) else message[2]
    elif kind == EMERGENCY:
        s[STATE], s[MODE_3A] = message[1], message[2]
    elif kind == TARGET_STATE:
        s[NAC_P], s[SIL], s[QUALITY_S] = message[1], message[2], t
        if math.isnan(s[VERSION]):
            s[VERSION] = 2.0  # subtype 1 came with version 2
    elif kind == OPERATIONAL:
        s[VERSION], s[QUALITY_S] = message[1], t
        s[NIC_A], s[NIC_C] = message[2], message[3]
        s[NAC_P], s[SIL] = message[4], message[5]
        if not math.isnan(message[6]):
            s[GVA] = message[6]


@compiled
def follow(
    messages: Floats,
    slot: Ints,
    t_s: Floats,
    state: Floats,
    receiver: Floats,
    out: Floats,
    verdict: NDArray[np.uint8],
    given_up: Ints,
) -> None:
    """Go through messages in order.

    Parameters
    ----------
    messages : float64[M, 8]
        ``lowsky.wire.adsb.messages.MESSAGE``.
    slot : int64[M]
        Row of ``state`` of the message's sender.
    t_s : float64[M]
        Seconds since the receiver's first frame.
    state : float64[S, 33]
        Changed. A new sender's row is all NaN.
    receiver : float64[8]
        Where the receiver is (deg, m), how far it may hear (m), and sigmas to take where nothing is said.
    out : float64[M, 21]
        Filled with NaN by the caller; a row is written where a measurement is made.
    verdict : uint8[M]
        Written: ROW_MADE, HELD or the number of a ``Reject``.
    given_up : int64[M]
        Written: halves held before that this message let go, without a measurement of their own.
    """
    for i in range(len(messages)):
        s, message, row, t = state[slot[i]], messages[i], out[i], t_s[i]
        kind = message[0]
        lost = 0
        if abs(t - s[SEEN_S]) > FORGET_S:
            lost = 0 if math.isnan(s[HELD_SPAN]) else 1
            s[:] = math.nan
        s[SEEN_S] = t
        if kind == AIRBORNE:
            verdict[i], let_go = _airborne(s, t, message, receiver, row)
            lost += let_go
        elif kind == SURFACE:
            verdict[i], let_go = _surface(s, t, message, receiver, row)
            lost += let_go
        elif kind == VELOCITY:
            verdict[i] = _velocity(s, t, message, receiver, row)
        else:
            _remember(s, t, message)
            verdict[i] = MALFORMED if kind == NOTHING else NOT_A_MEASUREMENT
        given_up[i] = lost
        if verdict[i] == ROW_MADE:
            row[OUT_CALLSIGN], row[OUT_CLASS], row[OUT_STATE] = s[CALLSIGN], s[CLASS], s[STATE]
            row[OUT_MODE_3A] = s[MODE_3A]
            if t - s[VEL_S] <= SUBTYPE_AGE_S:
                row[OUT_SUBTYPE], row[OUT_NAC_V] = s[SUBTYPE], s[NAC_V]


def new_state(rows: int) -> Floats:
    """float64[rows, 33], nothing said yet."""
    return np.full((rows, STATE_WIDTH), np.nan)
