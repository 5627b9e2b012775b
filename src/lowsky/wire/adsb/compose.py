"""ADS-B messages from values: the way back, for tests and for tools that rewrite recordings.

An ME field is 56 bits as one integer, ``message`` puts header and parity around it. Layouts: J. Sun, *The 1090
Megahertz Riddle*, chapters of part "ADS-B"; read back by rs1090 in tests/unit/wire/adsb/test_adsb_messages.py.
"""

import math

from lowsky.wire.adsb.cpr import zones
from lowsky.wire.adsb.modes import parity_bytes

CALLSIGN_LETTERS = "#ABCDEFGHIJKLMNOPQRSTUVWXYZ##### ###############0123456789######"
MOVEMENT = ((0.125, 0.125, 2), (1.0, 0.25, 9), (2.0, 0.5, 13), (15.0, 1.0, 39), (70.0, 2.0, 94), (100.0, 5.0, 109))
"""Speed from which the steps apply, kt; step, kt; code of that speed."""
MOVEMENT_END_KT, MOVEMENT_END = 175.0, 124
ALTITUDE_OFFSET_FT, ALTITUDE_STEP_FT = 1000, 25


def message(first_byte: int, address: int, me: int) -> bytes:
    """14 bytes: ``first_byte`` is DF · 8 + CA or CF (0x8D: DF17 airborne; 0x90: DF18, CF 0)."""
    body = bytes((first_byte,)) + address.to_bytes(3, "big") + me.to_bytes(7, "big")
    return body + parity_bytes(body)


def cpr_half(latitude_deg: float, longitude_deg: float, odd: int, span_deg: float) -> tuple[int, int]:
    """The 17-bit halves of a position; ``span_deg`` 360 airborne, 90 on the surface."""
    dlat = span_deg / (60 - odd)
    y = math.floor(131_072 * (latitude_deg % dlat) / dlat + 0.5)
    dlon = span_deg / max(zones(dlat * (y / 131_072 + math.floor(latitude_deg / dlat))) - odd, 1)
    x = math.floor(131_072 * (longitude_deg % dlon) / dlon + 0.5)
    return y % 131_072, x % 131_072


def airborne_position(
    tc: int, altitude_ft: int | None, latitude_deg: float, longitude_deg: float, odd: int, nic_b: int = 0
) -> int:
    """Type code 9-18 (pressure altitude) or 20-22 (height from GNSS), in steps of 25 ft from −1000 ft."""
    code = 0
    if altitude_ft is not None:
        steps = (altitude_ft + ALTITUDE_OFFSET_FT) // ALTITUDE_STEP_FT
        code = steps >> 4 << 5 | 0x10 | steps & 0xF
    y, x = cpr_half(latitude_deg, longitude_deg, odd, 360.0)
    return tc << 51 | nic_b << 48 | code << 36 | odd << 34 | y << 17 | x


def surface_position(
    tc: int, speed_kt: float | None, track_deg: float | None, latitude_deg: float, longitude_deg: float, odd: int
) -> int:
    """Type code 5-8."""
    track = 0 if track_deg is None else 0x80 | round(track_deg % 360.0 * 128.0 / 360.0) % 128
    y, x = cpr_half(latitude_deg, longitude_deg, odd, 90.0)
    return tc << 51 | movement(speed_kt) << 44 | track << 36 | odd << 34 | y << 17 | x


def movement(speed_kt: float | None) -> int:
    """Code of a speed on the ground: 0 unknown, 1 stopped, 124 from 175 kt."""
    if speed_kt is None:
        return 0
    if speed_kt >= MOVEMENT_END_KT:
        return MOVEMENT_END
    code = 1
    for start_kt, step_kt, first in MOVEMENT:
        if speed_kt >= start_kt:
            code = first + int((speed_kt - start_kt) / step_kt)
    return code


def ground_velocity(
    east_kt: int, north_kt: int, up_fpm: int, *, geometric: bool = False, difference_ft: int | None = None,
    nac_v: int = 1, subtype: int = 1,
) -> int:  # fmt: skip
    """Type code 19, subtype 1 (steps of 1 kt) or 2 (4 kt). ``difference_ft`` is geometric minus pressure altitude."""
    step_kt = 4 if subtype == 2 else 1
    east = (east_kt < 0) << 10 | abs(east_kt) // step_kt + 1
    north = (north_kt < 0) << 10 | abs(north_kt) // step_kt + 1
    rate = (not geometric) << 10 | (up_fpm < 0) << 9 | abs(up_fpm) // 64 + 1
    difference = 0 if difference_ft is None else (difference_ft < 0) << 7 | abs(difference_ft) // 25 + 1
    return 19 << 51 | subtype << 48 | nac_v << 43 | east << 32 | north << 21 | rate << 10 | difference


def airspeed(heading_deg: float, true_kt: int, nac_v: int = 0) -> int:
    """Type code 19, subtype 3: heading and true airspeed, no ground speed."""
    heading = 0x400 | round(heading_deg % 360.0 * 1024.0 / 360.0) % 1024
    return 19 << 51 | 3 << 48 | nac_v << 43 | heading << 32 | 1 << 31 | true_kt + 1 << 21


def identification(tc: int, category: int, callsign: str) -> int:
    """Type code 1-4 (set D-A) and category; up to 8 letters, digits and spaces."""
    return tc << 51 | category << 48 | callsign_bits(callsign)


def callsign_bits(callsign: str) -> int:
    """48 bits, six per character."""
    bits = 0
    for letter in f"{callsign:8}"[:8]:
        bits = bits << 6 | CALLSIGN_LETTERS.index(letter)
    return bits


def operational_status(version: int, nic_a: int, nac_p: int, sil: int, gva: int = 2) -> int:
    """Type code 31, airborne."""
    return 31 << 51 | version << 13 | nic_a << 12 | nac_p << 8 | gva << 6 | sil << 4


def target_state(nac_p: int, sil: int) -> int:
    """Type code 29, subtype 1, saying nothing of targets."""
    return 29 << 51 | 1 << 49 | nac_p << 13 | sil << 10
