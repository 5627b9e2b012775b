"""ADS-B messages as rows of numbers: rs1090's fields, in SI units, one row per message.

``MESSAGE`` says what each column of a row is for each kind of message. rs1090 gets only frames whose parity fits
and whose hex text is ours (it panics on text that is no hex), and decodes fields only: it cannot keep positions
across calls, so ``lowsky.wire.adsb.follow`` does that.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import rs1090
from numpy.typing import NDArray

from lowsky.constants import FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS
from lowsky.model.measurement import Floats

NOTHING, AIRBORNE, SURFACE, VELOCITY, IDENTITY, EMERGENCY, TARGET_STATE, OPERATIONAL, UNUSED = range(9)
"""Column 0 of a row. NOTHING: rs1090 made nothing of the message; UNUSED: it says nothing we use."""

MESSAGE = {
    AIRBORNE: ("cpr_latitude", "cpr_longitude", "is_odd", "altitude_m", "type_code", "nic_b"),
    SURFACE: ("cpr_latitude", "cpr_longitude", "is_odd", "speed_mps", "track_rad", "type_code", "is_ground_sender"),
    VELOCITY: ("subtype", "east_mps", "north_mps", "up_mps", "is_geometric_rate", "geo_minus_baro_m", "nac_v"),
    IDENTITY: ("callsign", "class"),
    EMERGENCY: ("state", "mode_3a"),
    TARGET_STATE: ("nac_p", "sil"),
    OPERATIONAL: ("version", "nic_a", "nic_c", "nac_p", "sil", "gva"),
}
"""Columns 1, 2, … by kind. NaN: not in the message. ``cpr_*`` are fractions of a zone in [0, 1)."""

WIDTH = 8
NAN = math.nan
CPR_UNIT = 2.0**-17

CLASSES = ("aeroplane", "helicopter", "balloon", "paraglider", "drone", "vehicle")
"""Names of the numbers in column "class"; names of ``lowsky.model.classes``."""

CLASS_OF_CATEGORY = {
    **{(4, ca): "aeroplane" for ca in range(1, 7)},
    (4, 7): "helicopter",
    (3, 1): "aeroplane",  # glider
    (3, 2): "balloon",  # lighter than air
    (3, 3): "paraglider",  # parachutist
    (3, 4): "paraglider",  # ultralight, hang-glider, paraglider
    (3, 6): "drone",  # unmanned aerial vehicle
    (2, 1): "vehicle",  # surface emergency vehicle
    (2, 3): "vehicle",  # surface service vehicle
}
"""(type code, category) of an identification message -> class. Others (obstacles, space, reserved) say nothing."""

Texts = Callable[[str], float]
"""Number that stands for a text from now on."""


def _number(value: float | None, unit: float = 1.0) -> float:
    return NAN if value is None else value * unit


def _airborne(m: Mapping[str, Any], me: bytes, df_cf: int, texts: Texts) -> tuple[float, ...]:
    # in TIS-B and rebroadcast messages the bit of NIC supplement B says what the address is
    nic_b = m.get("NICb", 0) if df_cf in NIC_B_SENDERS else 0
    return (
        AIRBORNE, m["lat_cpr"] * CPR_UNIT, m["lon_cpr"] * CPR_UNIT, m["parity"] == "odd",
        _number(m.get("altitude"), FOOT_M), m["tc"], nic_b, NAN,
    )  # fmt: skip


def _surface(m: Mapping[str, Any], me: bytes, df_cf: int, texts: Texts) -> tuple[float, ...]:
    return (
        SURFACE, m["lat_cpr"] * CPR_UNIT, m["lon_cpr"] * CPR_UNIT, m["parity"] == "odd",
        _number(m.get("groundspeed"), KNOT_MPS), _number(m.get("track"), math.pi / 180.0), m["tc"],
        df_cf in GROUND_SENDERS,
    )  # fmt: skip


def _velocity(m: Mapping[str, Any], me: bytes, df_cf: int, texts: Texts) -> tuple[float, ...]:
    subtype = me[0] & 7
    speed, track = m.get("groundspeed"), m.get("track")
    east = north = NAN
    bits = int.from_bytes(me, "big")
    is_known = bits & EAST_WEST and bits & NORTH_SOUTH  # 0 in either is "not known", which 0.7.0 takes for −1 kt
    if is_known and speed is not None and track is not None:
        unit_mps = SUPERSONIC_STEPS_0_7_0 * KNOT_MPS if subtype == 2 else KNOT_MPS
        speed_mps, track_rad = speed * unit_mps, math.radians(track)
        east, north = speed_mps * math.sin(track_rad), speed_mps * math.cos(track_rad)
    if df_cf in TIS_B_SENDERS:  # their vertical rate, accuracy and height difference lie elsewhere
        return VELOCITY, subtype, east, north, NAN, False, NAN, NAN
    return (
        VELOCITY, subtype, east, north, _number(m.get("vertical_rate"), FOOT_PER_MINUTE_MPS),
        m.get("vrate_src") == GEOMETRIC_RATE_0_7_0, _height_difference_m(me[6]), m["NACv"],
    )  # fmt: skip


def _height_difference_m(code: int) -> float:
    """Geometric minus pressure altitude: sign and steps of 25 ft from 1, 0 unknown. rs1090 0.7.0 takes 1, which is
    no difference, for unknown, too."""
    steps = code & 0x7F
    if not steps:
        return NAN
    return (1 - steps if code & 0x80 else steps - 1) * 25 * FOOT_M


EAST_WEST, NORTH_SOUTH = 0x3FF << 32, 0x3FF << 21
"""Bits of the two speeds in the ME field of a velocity over the ground."""

GEOMETRIC_RATE_0_7_0 = "barometric"
"""What rs1090 0.7.0 calls a vertical rate from GNSS: its two names are swapped. Pinned by
tests/unit/wire/adsb/test_adsb_messages.py."""


SUPERSONIC_STEPS_0_7_0 = 4.0
"""Subtype 2 counts in steps of 4 kt; rs1090 0.7.0 takes them for 1 kt (same test)."""


def _identity(m: Mapping[str, Any], me: bytes, df_cf: int, texts: Texts) -> tuple[float, ...]:
    name = CLASS_OF_CATEGORY.get((me[0] >> 3, me[0] & 7))
    callsign = m["callsign"].strip()
    return (
        IDENTITY, texts(callsign) if callsign and "#" not in callsign else NAN,
        NAN if name is None else CLASSES.index(name), NAN, NAN, NAN, NAN, NAN,
    )  # fmt: skip


def _emergency(m: Mapping[str, Any], me: bytes, df_cf: int, texts: Texts) -> tuple[float, ...]:
    state = m.get("emergency_state", "none")
    return (
        EMERGENCY, texts(state.replace("_", " ")) if state != "none" else NAN,
        float(int(m["squawk"], 8)) if "squawk" in m else NAN, NAN, NAN, NAN, NAN, NAN,
    )  # fmt: skip


def _target_state(m: Mapping[str, Any], me: bytes, df_cf: int, texts: Texts) -> tuple[float, ...]:
    sil = me[5] >> 2 & 3  # ME bits 45-46; rs1090 does not give it
    return TARGET_STATE, m["NACp"], sil, NAN, NAN, NAN, NAN, NAN


def _operational(m: Mapping[str, Any], me: bytes, df_cf: int, texts: Texts) -> tuple[float, ...]:
    if "version" not in m:
        return _bare(UNUSED)
    nic_c = me[2] >> 4 & 1 if me[0] & 7 == 1 else 0  # ME bit 20 of the surface form; rs1090 does not give it
    return (
        OPERATIONAL, m["version"], m.get("NICa", m.get("NICs", NAN)), nic_c,
        m.get("NACp", NAN), m.get("SIL", NAN), m.get("GVA", NAN), NAN,
    )  # fmt: skip


NIC_B_SENDERS = {df_cf for df_cf in range(256) if df_cf >> 3 == 17 or df_cf in (18 << 3, 18 << 3 | 1)}
"""First bytes of messages whose airborne positions carry NIC supplement B: DF17, DF18 with CF 0 and 1."""
GROUND_SENDERS = {18 << 3, 18 << 3 | 1}
"""DF18 with CF 0 and 1: a sender that is not a transponder; on the surface, a vehicle until it says otherwise."""
TIS_B_SENDERS = {18 << 3 | 2, 18 << 3 | 5}


def _bare(kind: int) -> tuple[float, ...]:
    return kind, NAN, NAN, NAN, NAN, NAN, NAN, NAN


ROW_OF = {
    "05": _airborne, "06": _surface, "09": _velocity, "08": _identity, "61": _emergency, "62": _target_state,
    "65": _operational,
}  # fmt: skip


MANY = 256
"""Fewer frames are cheaper one by one: rs1090's batch call shares them out to threads, which costs up to 0.1 ms."""


def read_messages(payload: NDArray[np.uint8], texts: Texts) -> Floats:
    """Decode messages of good parity.

    Parameters
    ----------
    payload : uint8[M, 14]
        DF17 and DF18 messages that ``lowsky.wire.adsb.modes.screen`` found worth decoding.
    texts : callable
        Gives a text (callsign, emergency state) the number that stands for it.

    Returns
    -------
    rows : float64[M, 8]
        See ``MESSAGE``; column 0 is NOTHING where rs1090 made nothing of the message.

    Raises
    ------
    Nothing for any bytes.
    """
    raw = payload.tobytes()
    text = raw.hex()
    frames = [text[i : i + 28] for i in range(0, len(text), 28)]
    if not frames:
        return np.empty((0, WIDTH))
    rows = []
    at = 0
    for m in rs1090.decode(frames) if len(frames) >= MANY else map(rs1090.decode, frames):
        if m is None:
            rows.append(_bare(NOTHING))
        elif (row_of := ROW_OF.get(m["bds"])) is None:
            rows.append(_bare(UNUSED))
        else:
            rows.append(row_of(m, raw[at + 4 : at + 11], raw[at], texts))
        at += 14
    return np.array(rows, np.float64)
