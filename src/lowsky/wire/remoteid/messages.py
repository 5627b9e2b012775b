"""Messages and packs to records and back, compiled from the table in ``fields``."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from lowsky.errors import DecodeError, Truncated, Unsupported
from lowsky.wire.remoteid import fields
from lowsky.wire.remoteid.fields import (
    MAX_PACK_MESSAGES,
    MESSAGE_BYTES,
    PACK_HEADER_BYTES,
    PROTOCOL_VERSION,
    Field,
    MessageType,
)

EPOCH_2019_S = 1_546_300_800
"""Unix seconds of 2019-01-01T00:00:00 UTC, from which ``time_s`` counts."""


class BasicId(msgspec.Struct, frozen=True, gc=False):
    """Who it is. ``uas_id`` is ASCII padded with NUL, but binary for ``id_type`` 3 (UUID) and 4 (session)."""

    version: int
    id_type: int  # 0 none, 1 serial number, 2 registration, 3 UTM UUID, 4 session
    ua_type: int
    uas_id: bytes


class Location(msgspec.Struct, frozen=True, gc=False):
    """Where it says it is. None where unknown; latitude = longitude = 0 means unknown too.

    ``track`` and ``speed`` are raw; use ``track_deg`` and ``speed_mps``. ``height_m`` is above the WGS-84
    ellipsoid; ``height_agl_m`` above ground if ``height_is_agl``, else above take-off. The ``*_accuracy`` codes
    name upper bounds (``HORIZONTAL_ACCURACY_M`` and its fellows).
    """

    version: int
    status: int  # 0 undeclared, 1 ground, 2 airborne, 3 emergency, 4 Remote ID failure
    height_is_agl: int
    track_is_west: int
    speed_is_coarse: int
    track: int
    speed: int
    vertical_speed_mps: float | None
    latitude_deg: float
    longitude_deg: float
    pressure_altitude_m: float | None
    height_m: float | None
    height_agl_m: float | None
    vertical_accuracy: int
    horizontal_accuracy: int
    pressure_altitude_accuracy: int
    speed_accuracy: int
    time_in_hour_s: float | None  # seconds since the full UTC hour
    time_accuracy: int  # tenths of a second; 0 unknown

    @property
    def track_deg(self) -> float | None:
        """Course over ground, degrees clockwise from true north in [0, 360)."""
        track = self.track + 180 * self.track_is_west
        return None if track > 360 or self.track > 180 else float(track % 360)

    @property
    def speed_mps(self) -> float | None:
        """Ground speed. 255 with the coarse scale is unknown; 254 there is "254.25 m/s or more"."""
        if not self.speed_is_coarse:
            return self.speed * 0.25
        return None if self.speed == 255 else self.speed * 0.75 + 63.75


class Authentication(msgspec.Struct, frozen=True, gc=False):
    """One page of a signature. ``last_page``, ``length`` and ``time_s`` only on page 0."""

    version: int
    auth_type: int
    page: int
    payload: bytes
    last_page: int | None = None
    length: int | None = None
    time_s: int | None = None


class SelfId(msgspec.Struct, frozen=True, gc=False):
    version: int
    description_type: int
    description: bytes


class System(msgspec.Struct, frozen=True, gc=False):
    """The operator and the area. Operator latitude = longitude = 0 means unknown. Personal data."""

    version: int
    classification_type: int
    operator_location_type: int  # 0 take-off, 1 live, 2 fixed
    operator_latitude_deg: float
    operator_longitude_deg: float
    area_count: int
    area_radius_m: float
    area_ceiling_m: float | None
    area_floor_m: float | None
    category_eu: int
    class_eu: int
    operator_height_m: float | None
    time_s: int  # since 2019


class OperatorId(msgspec.Struct, frozen=True, gc=False):
    version: int
    id_type: int
    operator_id: bytes


Record = BasicId | Location | Authentication | SelfId | System | OperatorId

HORIZONTAL_ACCURACY_M = (None, 18520.0, 7408.0, 3704.0, 1852.0, 926.0, 555.6, 185.2, 92.6, 30.0, 10.0, 3.0, 1.0)
VERTICAL_ACCURACY_M = (None, 150.0, 45.0, 25.0, 10.0, 3.0, 1.0)
SPEED_ACCURACY_MPS = (None, 10.0, 3.0, 1.0, 0.3)


class Codec:
    """Decoder and encoder of one layout: a ``struct`` for whole bytes, then one step per field."""

    def __init__(self, message_type: MessageType, record: type[Any], layout: Sequence[Field]) -> None:
        slots = sorted({(f.byte, f.code) for f in layout})
        self._struct = struct.Struct(_struct_format(slots))
        self._type_bits = message_type << 4
        index = {slot: i for i, slot in enumerate(slots)}
        self._steps = [(index[f.byte, f.code], _reader(f)) for f in layout]
        self._writers = [(index[f.byte, f.code], f.name, _writer(f)) for f in layout]
        self._is_bytes = [code.endswith("s") for _, code in slots]
        self._record = record
        if record.__struct_fields__[: len(layout)] != tuple(f.name for f in layout):
            raise TypeError(f"{record.__name__} and its table have other fields or another order")

    def decode(self, message: bytes) -> Any:
        slots = self._struct.unpack(message)
        return self._record(*[slots[i] if read is None else read(slots[i]) for i, read in self._steps])

    def encode(self, record: Any) -> bytes:
        slots: list[Any] = [b"" if is_bytes else 0 for is_bytes in self._is_bytes]
        for i, name, write in self._writers:
            value = write(getattr(record, name))
            slots[i] = value if isinstance(value, bytes) else slots[i] | value
        slots[0] |= self._type_bits
        return self._struct.pack(*slots)


def _struct_format(slots: list[tuple[int, str]]) -> str:
    """``struct`` format of the slots at their bytes, with pad bytes for what is reserved between and after them."""
    text, at = "<", 0
    for byte, code in slots:
        text += "x" * (byte - at) + code
        at = byte + struct.calcsize("<" + code)
    return text + "x" * (MESSAGE_BYTES - at)


def _reader(field: Field) -> Callable[[Any], Any] | None:
    """Slot value to field value; None where they are the same."""
    shift, mask, steps, offset, unknown = (
        field.shift,
        (1 << field.bits) - 1,
        field.per_unit,
        field.offset,
        field.unknown,
    )
    if field.bits:
        return (lambda slot: slot >> shift & mask) if shift else (lambda slot: slot & mask)
    if not steps:
        return None
    if unknown is not None:
        return lambda slot: None if slot == unknown else slot / steps + offset
    return (lambda slot: slot / steps + offset) if offset else (lambda slot: slot / steps)


def _writer(field: Field) -> Callable[[Any], Any]:
    """Field value to slot value. Raises ``ValueError`` where the value does not fit."""
    size = struct.calcsize("<" + field.code)
    width = field.bits or size * 8
    low, high = (-(1 << width - 1), (1 << width - 1) - 1) if field.code.islower() else (0, (1 << width) - 1)

    def write_bytes(value: bytes) -> bytes:
        if len(value) > size:
            raise ValueError(f"{field.name}: {len(value)} bytes, room for {size}")
        return value

    def write_number(value: float | None) -> int:
        if value is None:
            if field.unknown is None:
                raise ValueError(f"{field.name} cannot be unknown")
            return field.unknown
        raw = round((value - field.offset) * field.per_unit) if field.per_unit else int(value)
        if not low <= raw <= high:
            raise ValueError(f"{field.name}: {value} does not fit")
        return raw << field.shift

    return write_bytes if field.code.endswith("s") else write_number


_FIRST_PAGE = Codec(MessageType.AUTHENTICATION, Authentication, fields.AUTHENTICATION_FIRST)
_OTHER_PAGE = Codec(MessageType.AUTHENTICATION, Authentication, fields.AUTHENTICATION_PAGE)
_CODECS: dict[int, Codec] = {
    MessageType.BASIC_ID: Codec(MessageType.BASIC_ID, BasicId, fields.BASIC_ID),
    MessageType.LOCATION: Codec(MessageType.LOCATION, Location, fields.LOCATION),
    MessageType.SELF_ID: Codec(MessageType.SELF_ID, SelfId, fields.SELF_ID),
    MessageType.SYSTEM: Codec(MessageType.SYSTEM, System, fields.SYSTEM),
    MessageType.OPERATOR_ID: Codec(MessageType.OPERATOR_ID, OperatorId, fields.OPERATOR_ID),
}
_CODEC_OF_RECORD: dict[type[Any], Codec] = {
    BasicId: _CODECS[MessageType.BASIC_ID],
    Location: _CODECS[MessageType.LOCATION],
    SelfId: _CODECS[MessageType.SELF_ID],
    System: _CODECS[MessageType.SYSTEM],
    OperatorId: _CODECS[MessageType.OPERATOR_ID],
}


def decode(message: bytes) -> Record:
    """One record of one 25-byte message. Every protocol version is read.

    Raises
    ------
    Truncated
        Shorter than 25 bytes.
    Unsupported
        A reserved message type, or a pack (``split`` it first).
    DecodeError
        Longer than 25 bytes.
    """
    if len(message) != MESSAGE_BYTES:
        if len(message) < MESSAGE_BYTES:
            raise Truncated("Remote ID message cut", len(message), message)
        raise DecodeError("Remote ID message too long", MESSAGE_BYTES, message)
    codec = _CODECS.get(message[0] >> 4)
    if codec is None:
        if message[0] >> 4 != MessageType.AUTHENTICATION:
            raise Unsupported("Remote ID message type", 0, message)
        codec = _OTHER_PAGE if message[1] & 0x0F else _FIRST_PAGE
    record: Record = codec.decode(message)
    return record


def encode(record: Record) -> bytes:
    """The 25 bytes of a record. Raises ``ValueError`` where a value has no place in its field."""
    if isinstance(record, Authentication):
        return (_OTHER_PAGE if record.page else _FIRST_PAGE).encode(record)
    return _CODEC_OF_RECORD[type(record)].encode(record)


def encode_pack(messages: Sequence[bytes], version: int = PROTOCOL_VERSION) -> bytes:
    """A pack of up to nine messages. Raises ``ValueError`` where they are too many or not 25 bytes long."""
    if len(messages) > MAX_PACK_MESSAGES or any(len(m) != MESSAGE_BYTES for m in messages):
        raise ValueError("a pack holds at most nine messages of 25 bytes")
    return bytes((MessageType.PACK << 4 | version, MESSAGE_BYTES, len(messages))) + b"".join(messages)


def split(payload: bytes) -> tuple[list[bytes], int]:
    """The messages of a payload (one message or a pack) and how many records in it are damaged.

    A single message is 25 bytes; a pack is a header and ``count`` ≤ 9 messages, and may have padding behind. A
    pack with count 0 is legal and holds nothing. Damaged are: messages that the payload ends before, a pack in
    the pack, reserved message types. The good messages of a damaged pack are returned all the same; whether to
    trust them is for the caller, who knows whether the link checksum was right.

    Raises
    ------
    Truncated
        Not even one message or pack header.
    Unsupported
        A single message of a reserved type.
    DecodeError
        A pack whose header cannot be: message size not 25, count above 9.
    """
    if not payload:
        raise Truncated("Remote ID payload empty", 0, payload)
    if payload[0] >> 4 != MessageType.PACK:
        if len(payload) < MESSAGE_BYTES:
            raise Truncated("Remote ID message cut", len(payload), payload)
        if payload[0] >> 4 > MessageType.OPERATOR_ID:
            raise Unsupported("Remote ID message type", 0, payload)
        return [payload[:MESSAGE_BYTES]], 0
    if len(payload) < PACK_HEADER_BYTES:
        raise Truncated("Remote ID pack cut", len(payload), payload)
    if payload[1] != MESSAGE_BYTES or payload[2] > MAX_PACK_MESSAGES:
        raise DecodeError("Remote ID pack header", 1, payload)
    good = []
    for at in range(PACK_HEADER_BYTES, PACK_HEADER_BYTES + payload[2] * MESSAGE_BYTES, MESSAGE_BYTES):
        message = payload[at : at + MESSAGE_BYTES]
        if len(message) == MESSAGE_BYTES and message[0] >> 4 <= MessageType.OPERATOR_ID:
            good.append(message)
    return good, payload[2] - len(good)


def printable(raw: bytes) -> str | None:
    """Text from the air, made harmless: printable ASCII kept, anything else inside it U+FFFD, padding stripped.

    None where nothing is left. What the standard allows is ASCII padded with NUL; no length is added.
    """
    text = "".join(chr(c) if 0x20 <= c < 0x7F else "\ufffd" for c in raw.rstrip(b"\0")).strip()
    return text or None
