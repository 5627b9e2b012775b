"""One table decodes and encodes every Remote ID message."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowsky.errors import DecodeError, Truncated, Unsupported
from lowsky.wire.remoteid import fields
from lowsky.wire.remoteid.messages import (
    Authentication,
    BasicId,
    Location,
    OperatorId,
    SelfId,
    System,
    decode,
    encode,
    encode_pack,
    printable,
    split,
)

LAYOUTS = {
    "basic": (fields.BASIC_ID, 0x00),
    "location": (fields.LOCATION, 0x10),
    "first page": (fields.AUTHENTICATION_FIRST, 0x20),
    "other page": (fields.AUTHENTICATION_PAGE, 0x20),
    "self": (fields.SELF_ID, 0x30),
    "system": (fields.SYSTEM, 0x40),
    "operator": (fields.OPERATOR_ID, 0x50),
}

bodies = st.binary(min_size=24, max_size=24)
versions = st.integers(0, 15)
messages = st.builds(
    lambda kind, version, body: bytes((kind << 4 | version,)) + body, st.integers(0, 5), versions, bodies
)


def bits_of(field):
    """Positions of a field's bits, counted from the start of the message."""
    size = int(field.code[:-1]) if field.code.endswith("s") else {"B": 1, "b": 1, "H": 2, "i": 4, "I": 4}[field.code]
    if field.bits:
        return {field.byte * 8 + field.shift + i for i in range(field.bits)}
    return {field.byte * 8 + i for i in range(size * 8)}


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_two_fields_share_a_bit_and_none_leaves_the_message(name):
    layout, _ = LAYOUTS[name]
    seen = set()
    for field in layout:
        bits = bits_of(field)
        assert not bits & seen, field.name
        assert max(bits) < 25 * 8
        seen |= bits
    assert not seen & {4, 5, 6, 7}, "the upper half of byte 0 is the message type"


def known_bits(message):
    """The message with its reserved bits zeroed, by the table."""
    kind = message[0] >> 4
    layout = [fields.BASIC_ID, fields.LOCATION, None, fields.SELF_ID, fields.SYSTEM, fields.OPERATOR_ID][kind]
    if kind == 2:
        layout = fields.AUTHENTICATION_PAGE if message[1] & 15 else fields.AUTHENTICATION_FIRST
    kept = {4, 5, 6, 7}.union(*(bits_of(f) for f in layout))
    mask = bytes(sum(1 << bit for bit in range(8) if byte * 8 + bit in kept) for byte in range(25))
    return bytes(a & b for a, b in zip(message, mask, strict=True))


@given(messages)
def test_every_message_decodes_and_encodes_back_to_its_known_bits(message):
    record = decode(message)
    assert encode(record) == known_bits(message)
    assert decode(encode(record)) == record


def by_hand(b):
    """Slow twin of Location, written from the table of the notes without the field table."""

    def altitude(at):
        raw = int.from_bytes(b[at : at + 2], "little")
        return None if raw == 0 else raw / 2 - 1000

    speed = b[3] / 4 if not b[1] & 1 else (None if b[3] == 255 else b[3] * 0.75 + 63.75)
    vertical = int.from_bytes(b[4:5], "little", signed=True)
    tenths = int.from_bytes(b[21:23], "little")
    return {
        "status": b[1] // 16,
        "speed_mps": speed,
        "vertical_speed_mps": None if vertical == 126 else vertical / 2,
        "latitude_deg": int.from_bytes(b[5:9], "little", signed=True) / 1e7,
        "longitude_deg": int.from_bytes(b[9:13], "little", signed=True) / 1e7,
        "pressure_altitude_m": altitude(13),
        "height_m": altitude(15),
        "height_agl_m": altitude(17),
        "vertical_accuracy": b[19] // 16,
        "horizontal_accuracy": b[19] % 16,
        "speed_accuracy": b[20] % 16,
        "time_in_hour_s": None if tenths == 0xFFFF else tenths / 10,
        "time_accuracy": b[23] % 16,
    }


@given(bodies)
def test_location_agrees_with_its_slow_twin(body):
    message = b"\x12" + body
    record = decode(message)
    assert {name: getattr(record, name) for name in by_hand(message)} == by_hand(message)


@pytest.mark.parametrize(
    ("raw", "is_west", "degrees"),
    [(0, 0, 0.0), (179, 0, 179.0), (0, 1, 180.0), (179, 1, 359.0), (180, 1, 0.0), (181, 1, None), (255, 0, None)],
)
def test_track_is_half_a_circle_and_a_flag(raw, is_west, degrees):
    assert decode(bytes((0x12, is_west << 1, raw)) + bytes(22)).track_deg == degrees


def test_physical_values_come_back_exactly():
    location = Location(
        version=2, status=2, height_is_agl=1, track_is_west=1, speed_is_coarse=0, track=30, speed=40,
        vertical_speed_mps=-1.5, latitude_deg=45.5457468, longitude_deg=-122.9681496, pressure_altitude_m=None,
        height_m=237.0, height_agl_m=-0.5, vertical_accuracy=3, horizontal_accuracy=10, pressure_altitude_accuracy=0,
        speed_accuracy=4, time_in_hour_s=3599.9, time_accuracy=15,
    )  # fmt: skip
    system = System(
        version=2, classification_type=1, operator_location_type=2, operator_latitude_deg=-0.0000001,
        operator_longitude_deg=180.0, area_count=65535, area_radius_m=2550.0, area_ceiling_m=31767.5,
        area_floor_m=None, category_eu=1, class_eu=7, operator_height_m=0.5, time_s=0xFFFFFFFF,
    )  # fmt: skip
    for record in (
        location,
        system,
        BasicId(2, 1, 2, b"1581F5".ljust(20, b"\0")),
        SelfId(2, 0, b"survey".ljust(23, b"\0")),
        OperatorId(0, 0, b"FIN87".ljust(20, b"\0")),
        Authentication(2, 1, 0, bytes(range(17)), 3, 63, 99),
        Authentication(2, 1, 15, bytes(range(23))),
    ):
        assert decode(encode(record)) == record
    assert location.track_deg == 210.0
    assert location.speed_mps == 10.0


@given(st.integers(0, 255))
def test_the_area_radius_is_exact_for_every_raw_value(raw):
    assert decode(bytes((0x42, *bytes(11), raw, *bytes(12)))).area_radius_m == raw * 10.0


@pytest.mark.parametrize(
    "record",
    [
        SelfId(2, 0, b"x" * 24),
        SelfId(2, 256, b""),
        SelfId(16, 0, b""),
        BasicId(2, -1, 0, b""),
        System(2, 0, 0, 300.0, 0.0, 0, 0.0, None, None, 0, 0, None, 0),
    ],
)
def test_values_that_have_no_room_are_refused_when_encoding(record):
    with pytest.raises(ValueError):
        encode(record)


def test_packs_come_apart_as_they_were_put_together():
    parts = [encode(SelfId(2, 0, bytes((n,)) * 23)) for n in range(9)]
    for count in range(10):
        assert split(encode_pack(parts[:count])) == (parts[:count], 0)
        assert split(encode_pack(parts[:count]) + bytes(50)) == (parts[:count], 0), "packs may be padded"
    with pytest.raises(ValueError):
        encode_pack([*parts, parts[0]])
    with pytest.raises(ValueError):
        encode_pack([b"short"])


def test_the_good_messages_of_a_damaged_pack_are_told_from_the_bad():
    good = encode(SelfId(2, 0, b"good".ljust(23, b"\0")))
    nested, reserved = encode_pack([]) + bytes(22), b"\x62" + bytes(24)
    pack = encode_pack([good, nested, reserved, good])
    assert split(pack) == ([good, good], 2)
    assert split(pack[:-1]) == ([good], 3)


@pytest.mark.parametrize("version", range(16))
def test_no_version_is_refused(version):
    assert decode(bytes((0x30 | version,)) + bytes(24)).version == version
    assert split(bytes((0xF0 | version, 25, 0))) == ([], 0)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"", Truncated),
        (bytes(24), Truncated),
        (b"\xf2\x19", Truncated),
        (b"\x62" + bytes(24), Unsupported),
        (b"\xf2\x18\x01" + bytes(24), DecodeError),
        (b"\xf2\x19\x0a" + bytes(250), DecodeError),
    ],
)
def test_payloads_that_are_neither_message_nor_pack_are_refused(payload, error):
    with pytest.raises(error):
        split(payload)


@pytest.mark.parametrize(
    ("message", "error"),
    [(bytes(24), Truncated), (bytes(26), DecodeError), (b"\x62" + bytes(24), Unsupported), (b"\xf2" * 25, Unsupported)],
)
def test_only_25_bytes_of_a_known_type_are_a_message(message, error):
    with pytest.raises(error):
        decode(message)


@given(st.binary(max_size=300))
def test_random_payloads_raise_nothing_but_decode_errors(payload):
    try:
        good, _ = split(payload)
    except DecodeError:
        return
    for message in good:
        record = decode(message)
        if isinstance(record, Location):
            assert record.speed_mps is None or 0.0 <= record.speed_mps <= 254.25
            assert record.track_deg is None or 0.0 <= record.track_deg < 360.0
            assert math.isfinite(record.latitude_deg)


def test_text_from_the_air_is_made_harmless():
    assert printable(b"FIN87\0\0\0") == "FIN87"
    assert printable(b"  spaced \0") == "spaced"
    assert printable(b"<b>\x1b[31m\n\xffx") == "<b>\ufffd[31m\ufffd\ufffdx"
    assert printable(b"a\0b\0") == "a\ufffdb"
    assert printable(bytes(20)) is None
    assert printable(b"   ") is None


@given(st.binary(max_size=23))
def test_harmless_text_is_bounded_and_printable(raw):
    text = printable(raw)
    assert text is None or (0 < len(text) <= len(raw) and all(c.isprintable() for c in text))
