"""Mode S bytes: parity, address, and which messages are worth decoding further."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Ints, Reject
from lowsky.wire.adsb.compiled import compiled

Bytes = NDArray[np.uint8]

GENERATOR = 0xFFF409
"""Mode S parity polynomial x²⁴ + x²³ + … + x¹⁰ + x³ + 1 without its leading term (seen: rs1090 agrees on every
DF11, 17 and 18 of the recordings, tests/unit/wire/adsb/test_modes_screen.py)."""


def _parity_table() -> Ints:
    table = np.empty(256, np.int64)
    for first in range(256):
        rest = first << 16
        for _ in range(8):
            rest = (rest << 1) ^ (GENERATOR | 1 << 24 if rest & 0x800000 else 0)
        table[first] = rest
    return table


PARITY = _parity_table()

NO_POSITION = int(Reject.NO_POSITION)
OUT_OF_RANGE = int(Reject.OUT_OF_RANGE)
NOT_A_MEASUREMENT = int(Reject.NOT_A_MEASUREMENT)
BAD_CHECKSUM = int(Reject.BAD_CHECKSUM)
UNSUPPORTED = int(Reject.UNSUPPORTED)
MALFORMED = int(Reject.MALFORMED)
DECODE = 0
"""Verdict of ``screen``: an ADS-B message that says something about a position, a velocity or an aircraft."""

NON_ICAO = 1 << 24
"""Set in an address that is not an ICAO address (DF18 of anonymous senders and of TIS-B tracks)."""


class Screened(NamedTuple):
    """What the first bytes of each frame say. N frames."""

    verdict: Bytes  # uint8[N]  DECODE or the number of a Reject
    address: Ints  # int64[N]  24-bit address, with NON_ICAO; only where verdict is DECODE


@compiled
def remainder(payload: Bytes, length: int) -> int:
    """Parity remainder of the first ``length`` bytes: 0 where PI fits, the address where it is overlaid (AP)."""
    rest = 0
    for k in range(length - 3):
        rest = ((rest << 8) ^ int(PARITY[(rest >> 16) ^ int(payload[k])])) & 0xFFFFFF
    sent = int(payload[length - 3]) << 16 | int(payload[length - 2]) << 8 | int(payload[length - 1])
    return rest ^ sent


@compiled
def _squitter_verdict(payload: Bytes, tc: int) -> int:
    """DECODE or a Reject for a DF17 or DF18 message whose parity fits."""
    sub = int(payload[4] & 7)
    if tc == 0:
        return NO_POSITION
    if tc <= 18 or 20 <= tc <= 22:
        return DECODE
    if tc == 19:
        return DECODE if 1 <= sub <= 4 else UNSUPPORTED
    if tc == 28:
        return DECODE if sub == 1 else NOT_A_MEASUREMENT
    if tc == 29:
        return DECODE if (payload[4] >> 1) & 3 == 1 else NOT_A_MEASUREMENT
    if tc == 31:
        return DECODE if sub <= 1 else NOT_A_MEASUREMENT
    return NOT_A_MEASUREMENT


@compiled
def _is_anonymous(payload: Bytes, tc: int) -> bool:
    """True where a DF18 message says that its address is not an ICAO address.

    CF 1 and 5 say so by themselves; in CF 2 and 6 (TIS-B, rebroadcast) the IMF bit does: ME bit 8 of an airborne,
    21 of a surface position, 9 of a velocity.
    """
    cf = int(payload[0] & 7)
    if cf == 1 or cf == 5:
        return True
    if cf != 2 and cf != 6:
        return False
    if 5 <= tc <= 8:
        return bool((payload[6] >> 3) & 1)
    if tc == 19:
        return bool(payload[5] >> 7)
    return (9 <= tc <= 18 or 20 <= tc <= 22) and bool(payload[4] & 1)


@compiled
def _verdict(payload: Bytes, length: int) -> int:
    """DECODE or a Reject for one frame."""
    if length == 2:
        return NOT_A_MEASUREMENT  # Mode A/C
    df = int(payload[0] >> 3)
    if length != (7 if df < 16 else 14):
        return MALFORMED
    if df == 17 or df == 18:
        if remainder(payload, 14) != 0:
            return BAD_CHECKSUM
        cf = int(payload[0] & 7)
        if df == 18 and (cf == 3 or cf == 7):
            return UNSUPPORTED  # coarse TIS-B position; reserved
        if df == 18 and cf == 4:
            return NOT_A_MEASUREMENT  # TIS-B and ADS-R management
        if payload[1] == 0 and payload[2] == 0 and payload[3] == 0:
            return OUT_OF_RANGE  # nobody has address 0
        return _squitter_verdict(payload, int(payload[4] >> 3))
    if df == 11:
        # the interrogator's code of 7 bits is laid over PI, so only the upper 17 bits must be 0
        return BAD_CHECKSUM if remainder(payload, 7) & ~0x7F else NOT_A_MEASUREMENT
    if df in (0, 4, 5, 16, 20, 21) or df >= 24:
        return NOT_A_MEASUREMENT
    return UNSUPPORTED


@compiled
def _screen(payload: Bytes, length: Ints, verdict: Bytes, address: Ints) -> None:
    for i in range(len(length)):
        row = payload[i]
        verdict[i] = _verdict(row, length[i])
        if verdict[i] == DECODE:
            address[i] = np.int64(row[1]) << 16 | np.int64(row[2]) << 8 | np.int64(row[3])
            if row[0] >> 3 == 18 and _is_anonymous(row, int(row[4] >> 3)):
                address[i] |= NON_ICAO


def screen(payload: Bytes, length: Ints) -> Screened:
    """Judge every frame by its downlink format, parity and type code. Never raises.

    =================  ==========================================================================
    Frame              Verdict
    =================  ==========================================================================
    DF17, DF18         BAD_CHECKSUM where parity fails; NO_POSITION for type code 0; DECODE for
                       positions (5-18, 20-22), velocity (19, subtypes 1-4), identification (1-4),
                       emergency (28/1), target state (29/1), operational status (31/0, 31/1);
                       everything else NOT_A_MEASUREMENT
    DF18, CF 3, 7      UNSUPPORTED (coarse TIS-B position, reserved); CF 4 NOT_A_MEASUREMENT
    DF11               BAD_CHECKSUM or NOT_A_MEASUREMENT
    DF0 4 5 16 20 21   NOT_A_MEASUREMENT: their parity carries the address, so it proves nothing
    Mode A/C, DF24+    NOT_A_MEASUREMENT
    other formats      UNSUPPORTED; MALFORMED where format and length do not fit
    =================  ==========================================================================

    Parameters
    ----------
    payload : uint8[N, 14]
        Mode S bytes, zeros behind ``length``.
    length : int64[N]
        2, 7 or 14.
    """
    n = len(length)
    out = Screened(np.empty(n, np.uint8), np.zeros(n, np.int64))
    _screen(payload, length, *out)
    return out


def parity_bytes(body: bytes) -> bytes:
    """PI of a message without its last three bytes."""
    whole = np.frombuffer(body + b"\0\0\0", np.uint8)
    return int(remainder(whole, len(whole))).to_bytes(3, "big")


def address_text(address: int) -> str:
    """Six lower-case hex digits; "~" in front where it is not an ICAO address."""
    return f"~{address & 0xFFFFFF:06x}" if address & NON_ICAO else f"{address:06x}"
