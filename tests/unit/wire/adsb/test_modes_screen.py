"""Mode S frames: parity, addresses, and what each format is taken for."""

import numpy as np
import pytest

from lowsky.model.measurement import Reject
from lowsky.wire.adsb import compose
from lowsky.wire.adsb.modes import DECODE, NON_ICAO, address_text, parity_bytes, screen


def verdict_of(frame):
    payload = np.zeros((1, 14), np.uint8)
    payload[0, : len(frame)] = np.frombuffer(frame, np.uint8)
    found = screen(payload, np.array([len(frame)]))
    return int(found.verdict[0]), int(found.address[0])


@pytest.mark.parametrize(
    "frame",
    ["8d406b902015a678d4d220aa4bda", "8d4840d6202cc371c32ce0576098", "8c4841753aab238733c8cd4020b1"],
)
def test_published_messages_pass_and_each_wrong_bit_fails(frame):
    whole = bytes.fromhex(frame)
    assert parity_bytes(whole[:11]) == whole[11:]
    assert verdict_of(whole)[0] == DECODE
    for bit in range(8, 112):
        wrong = (int(frame, 16) ^ 1 << (111 - bit)).to_bytes(14, "big")
        assert verdict_of(wrong)[0] == Reject.BAD_CHECKSUM


def short(first, body=b"\x12\x34\x56"):
    return bytes((first,)) + body + parity_bytes(bytes((first,)) + body)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b"\x12\x34", Reject.NOT_A_MEASUREMENT),  # Mode A/C
        (short(11 << 3), Reject.NOT_A_MEASUREMENT),
        (short(11 << 3)[:-1] + bytes((short(11 << 3)[-1] ^ 0x55,)), Reject.NOT_A_MEASUREMENT),  # interrogator code
        (short(11 << 3)[:-3] + b"\0\0\0", Reject.BAD_CHECKSUM),
        (short(4 << 3), Reject.NOT_A_MEASUREMENT),
        (short(17 << 3), Reject.MALFORMED),  # a long format in a short frame
        (bytes((4 << 3,)) + bytes(13), Reject.MALFORMED),
        (bytes((19 << 3,)) + bytes(13), Reject.UNSUPPORTED),
        (bytes((20 << 3,)) + bytes(13), Reject.NOT_A_MEASUREMENT),
        (compose.message(0x8D, 0x123456, 0), Reject.NO_POSITION),
        (compose.message(0x8D, 0, compose.identification(4, 1, "TEST")), Reject.OUT_OF_RANGE),
        (compose.message(0x8D, 0x123456, 24 << 51), Reject.NOT_A_MEASUREMENT),
        (compose.message(0x8D, 0x123456, 19 << 51), Reject.UNSUPPORTED),
        (compose.message(18 << 3 | 3, 0x123456, 11 << 51), Reject.UNSUPPORTED),  # coarse TIS-B
        (compose.message(18 << 3 | 4, 0x123456, 11 << 51), Reject.NOT_A_MEASUREMENT),
        (compose.message(18 << 3, 0x123456, 11 << 51), DECODE),
    ],
)
def test_each_format_has_its_place(frame, expected):
    assert verdict_of(frame)[0] == expected


@pytest.mark.parametrize(
    ("control", "me", "anonymous"),
    [
        (0, 11 << 51 | 1 << 48, False),
        (1, 11 << 51, True),
        (2, 11 << 51, False),
        (2, 11 << 51 | 1 << 48, True),
        (2, 7 << 51 | 1 << 35, True),
        (2, 19 << 51 | 1 << 48 | 1 << 47, True),
        (5, 11 << 51, True),
        (6, 11 << 51, False),
        (6, 11 << 51 | 1 << 48, True),
    ],
)
def test_an_address_that_is_no_icao_address_is_marked(control, me, anonymous):
    _, address = verdict_of(compose.message(18 << 3 | control, 0xABCDEF, me))
    assert address == 0xABCDEF | (NON_ICAO if anonymous else 0)
    assert address_text(address) == ("~abcdef" if anonymous else "abcdef")
