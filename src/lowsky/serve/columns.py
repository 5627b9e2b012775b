"""The columns of a frame: one table for the encoder, the decoder and the page (sent to it in the hello message)."""

import secrets
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Any

import numpy as np

from lowsky.model.classes import ObjectClass
from lowsky.model.track import PositionKind, TrackStatus

MAGIC = b"LSK1"
VERSION = 1
HEADER_BYTES = 64
KEYFRAME = 1  # flags: every row; forget the others
HISTORY = 2  # flags: from this node's memory, not the newest picture
MISSING_I4 = -(2**31)
MISSING_I2 = -(2**15)
MISSING_U2 = 2**16 - 1


@unique
class Affiliation(IntEnum):
    """What the picture holds of an object's intent. "Suspicious" only means: look at this one first."""

    UNIDENTIFIED = 0
    COOPERATIVE = 1
    SUSPICIOUS = 2


@unique
class HeightDatum(IntEnum):
    """What ``height`` is measured from; NONE where the sensors say nothing useful about it."""

    NONE = 0
    ELLIPSOID = 1


RUN = secrets.token_hex(8)  # ids of tracks and alerts mean something within one run only
ON_GROUND = 1  # bits of the column ``flags``
ALERTED = 2


@dataclass(frozen=True, slots=True)
class Column:
    """``wire`` is the NumPy type; the value is ``wire · scale`` in ``unit``; ``missing`` says "not known"."""

    name: str
    wire: str
    unit: str
    scale: float = 1.0
    missing: int | None = None  # None for floats (NaN) and for columns that always have a value


# Widest first, so that every column starts on a multiple of its own size.
COLUMNS: tuple[Column, ...] = (
    Column("id", "<u4", ""),
    Column("latitude", "<i4", "deg", 1e-7, MISSING_I4),
    Column("longitude", "<i4", "deg", 1e-7, MISSING_I4),
    Column("height", "<f4", "m"),
    Column("east", "<f4", "m/s"),
    Column("north", "<f4", "m/s"),
    Column("up", "<f4", "m/s"),
    Column("sigma_major", "<f4", "m, 1 sigma"),
    Column("sigma_minor", "<f4", "m, 1 sigma"),
    Column("range", "<f4", "m from the origin sensor, only of a ring"),
    Column("t_state", "<i4", "s after t_base: time of position and velocity", 1e-3),
    Column("t_update", "<i4", "s after t_base: last measurement used", 1e-3),
    Column("sensors_low", "<u4", "bits: sensors 0 to 31 fed it in the last 10 s"),
    Column("sensors_high", "<u4", "bits: sensors 32 to 63"),
    Column("ellipse_angle", "<i2", "deg of the major axis, clockwise from true north", 1e-2),
    Column("sigma_height", "<u2", "m, 1 sigma", 1.0, MISSING_U2),
    Column("azimuth", "<u2", "deg from true north at the origin sensor, only of a wedge", 1e-2, MISSING_U2),
    Column("azimuth_sigma", "<u2", "deg, 1 sigma", 1e-2, MISSING_U2),
    Column("origin", "<i2", "index of the sensor it is seen from", 1.0, -1),
    Column("status", "u1", "TrackStatus"),
    Column("kind", "u1", "PositionKind"),
    Column("affiliation", "u1", "Affiliation"),
    Column("existence", "u1", "%"),
    Column("class_1", "u1", "ObjectClass, the most probable"),
    Column("class_1_probability", "u1", "%"),
    Column("class_2", "u1", "ObjectClass, the second"),
    Column("class_2_probability", "u1", "%"),
    Column("class_3", "u1", "ObjectClass, the third"),
    Column("class_3_probability", "u1", "%"),
    Column("height_datum", "u1", "HeightDatum"),
    Column("flags", "u1", "bits: 1 on the ground, 2 an open alert names it"),
)
ROW_BYTES = sum(np.dtype(column.wire).itemsize for column in COLUMNS)

# offset, struct format: magic 4s, then these
HEADER: tuple[tuple[str, int, str], ...] = (
    ("version", 4, "H"),
    ("flags", 6, "H"),
    ("rows", 8, "I"),
    ("seq", 12, "I"),
    ("t_data", 16, "d"),  # UTC seconds of the picture
    ("t_sent", 24, "d"),  # UTC seconds when it was sent
    ("t_recv", 32, "d"),  # UTC seconds: newest reception inside
    ("t_base", 40, "d"),  # UTC seconds: zero of t_state and t_update
    ("epoch", 48, "I"),
    ("removed", 52, "I"),  # ids (u4) after the columns
    ("total", 56, "I"),  # tracks of the picture
)


def hello() -> dict[str, Any]:
    """What the page must know before its first frame. ``run`` tells one start of the node from another."""
    return {
        "type": "hello",
        "version": VERSION,
        "run": RUN,
        "header_bytes": HEADER_BYTES,
        "header": [[name, offset, kind] for name, offset, kind in HEADER],
        "columns": [[c.name, c.wire.lstrip("<"), c.scale, c.missing, c.unit] for c in COLUMNS],
        "classes": [c.label for c in ObjectClass],
        "statuses": {int(s): s.label for s in TrackStatus},
        "kinds": {int(k): k.name.lower() for k in PositionKind},
        "affiliations": [a.name.lower() for a in Affiliation],
        "height_data": ["", "WGS-84 ellipsoid"],
    }
