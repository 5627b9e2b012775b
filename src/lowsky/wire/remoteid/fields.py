"""Where every field of every Remote ID message is: the one table that decoding and encoding are compiled from.

A message is 25 bytes, little endian; byte 0 is message type << 4 | protocol version. Offsets below count from
that byte. Physical value = raw / ``per_unit`` + ``offset``; ``unknown`` is the raw value that says "not known" and
becomes None. Bytes and bits that no row names are reserved: ignored when read, zero when written.

Source: layout of ASTM F3411-22a / ASD-STAN prEN 4709-002 as tabulated in the project's interoperability notes
(docs/feeds/remote-id.md), which were checked against messages of opendroneid-core-c.
"""

from dataclasses import dataclass
from enum import IntEnum, unique

MESSAGE_BYTES = 25
PACK_HEADER_BYTES = 3
MAX_PACK_MESSAGES = 9
MAX_PACK_BYTES = PACK_HEADER_BYTES + MAX_PACK_MESSAGES * MESSAGE_BYTES
PROTOCOL_VERSION = 2  # F3411-22a


@unique
class MessageType(IntEnum):
    """Upper half of byte 0. 6 to 14 are reserved."""

    BASIC_ID = 0
    LOCATION = 1
    AUTHENTICATION = 2
    SELF_ID = 3
    SYSTEM = 4
    OPERATOR_ID = 5
    PACK = 15


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``code`` is the ``struct`` code of the bytes at ``byte``; ``bits`` of them are used from ``shift``.

    ``bits`` 0 means all of them. A scaled field decodes to float, an unscaled one to int or bytes.
    """

    name: str
    byte: int
    code: str = "B"
    shift: int = 0
    bits: int = 0
    per_unit: float = 0.0  # raw steps in one unit, so that decimals come out exact; 0: not scaled
    offset: float = 0.0
    unknown: int | None = None


VERSION = Field("version", 0, bits=4)


def _altitude(name: str, byte: int) -> Field:
    return Field(name, byte, "H", per_unit=2.0, offset=-1000.0, unknown=0)


def _degrees(name: str, byte: int) -> Field:
    return Field(name, byte, "i", per_unit=1e7)


BASIC_ID = (
    VERSION,
    Field("id_type", 1, shift=4, bits=4),
    Field("ua_type", 1, bits=4),
    Field("uas_id", 2, "20s"),
)
LOCATION = (
    VERSION,
    Field("status", 1, shift=4, bits=4),
    Field("height_is_agl", 1, shift=2, bits=1),
    Field("track_is_west", 1, shift=1, bits=1),
    Field("speed_is_coarse", 1, bits=1),
    Field("track", 2),
    Field("speed", 3),
    Field("vertical_speed_mps", 4, "b", per_unit=2.0, unknown=126),
    _degrees("latitude_deg", 5),
    _degrees("longitude_deg", 9),
    _altitude("pressure_altitude_m", 13),
    _altitude("height_m", 15),
    _altitude("height_agl_m", 17),
    Field("vertical_accuracy", 19, shift=4, bits=4),
    Field("horizontal_accuracy", 19, bits=4),
    Field("pressure_altitude_accuracy", 20, shift=4, bits=4),
    Field("speed_accuracy", 20, bits=4),
    Field("time_in_hour_s", 21, "H", per_unit=10.0, unknown=0xFFFF),
    Field("time_accuracy", 23, bits=4),
)
AUTHENTICATION_FIRST = (
    VERSION,
    Field("auth_type", 1, shift=4, bits=4),
    Field("page", 1, bits=4),
    Field("payload", 8, "17s"),
    Field("last_page", 2),
    Field("length", 3),
    Field("time_s", 4, "I"),
)
AUTHENTICATION_PAGE = (
    VERSION,
    Field("auth_type", 1, shift=4, bits=4),
    Field("page", 1, bits=4),
    Field("payload", 2, "23s"),
)
SELF_ID = (
    VERSION,
    Field("description_type", 1),
    Field("description", 2, "23s"),
)
SYSTEM = (
    VERSION,
    Field("classification_type", 1, shift=2, bits=3),
    Field("operator_location_type", 1, bits=2),
    _degrees("operator_latitude_deg", 2),
    _degrees("operator_longitude_deg", 6),
    Field("area_count", 10, "H"),
    Field("area_radius_m", 12, per_unit=0.1),
    _altitude("area_ceiling_m", 13),
    _altitude("area_floor_m", 15),
    Field("category_eu", 17, shift=4, bits=4),
    Field("class_eu", 17, bits=4),
    _altitude("operator_height_m", 18),
    Field("time_s", 20, "I"),
)
OPERATOR_ID = (
    VERSION,
    Field("id_type", 1),
    Field("operator_id", 2, "20s"),
)
