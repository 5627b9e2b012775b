"""Snapshot → wire columns. Geodetic work only for the rows that changed."""

import math

import numpy as np
from numpy.typing import NDArray

from lowsky.classify.verdict import verdict
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import ObjectClass
from lowsky.model.measurement import Floats, Ints
from lowsky.model.status import SensorStatus
from lowsky.model.track import PositionKind, TrackSnapshot
from lowsky.serve.columns import (
    ALERTED,
    COLUMNS,
    MISSING_I2,
    MISSING_I4,
    MISSING_U2,
    ON_GROUND,
    Affiliation,
    HeightDatum,
)

DTYPE = np.dtype([(column.name, column.wire) for column in COLUMNS])
SIGMA_HEIGHT_SHOWN_M = 300.0  # above this a height says nothing a person could use
F4_MAX = 3.0e38
_CLASSES = np.array(list(ObjectClass), np.uint8)


def _f4(values: Floats) -> Floats:
    """Fit for float32: NaN stays NaN (not known), infinities and huge values too."""
    return np.where(np.abs(values) < F4_MAX, values, np.nan)


def _integers(values: Floats, scale: float, missing: int, low: int, high: int) -> Ints:
    """Rounded ``values / scale``; what is not finite becomes ``missing``, what is too large the limit."""
    known = np.isfinite(values)
    scaled = np.where(known, values, 0.0) / scale
    return np.where(known, np.rint(np.clip(scaled, low, high)), missing).astype(np.int64)


def _percent(probability: Floats) -> NDArray[np.uint8]:
    return np.rint(100.0 * np.clip(np.nan_to_num(probability), 0.0, 1.0)).astype(np.uint8)


def affiliations(snapshot: TrackSnapshot, rows: Ints, alerted: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Cooperative: it says who it is, it is surely this one, and no sensor contradicts it. Suspicious: a sensor
    does, or it does not say and an open alert names it."""
    declared = np.array([snapshot.identity[row] is not None for row in rows.tolist()], bool)
    declared &= ~snapshot.is_unsure()[rows]
    out = np.where(alerted, Affiliation.SUSPICIOUS, Affiliation.UNIDENTIFIED)
    out = np.where(declared, Affiliation.COOPERATIVE, out)
    return np.where(snapshot.is_contradicted()[rows], Affiliation.SUSPICIOUS, out).astype(np.uint8)


def rows_of(
    snapshot: TrackSnapshot,
    rows: Ints,
    frame: EnuFrame,
    sensors: tuple[SensorStatus, ...],
    t_base_ns: int,
    alerted: NDArray[np.bool_],
) -> NDArray[np.void]:
    """The wire rows of ``rows`` (indices into the snapshot) as a structured array of ``DTYPE``.

    A track without a position (wedge, ring) gets none: its latitude and longitude are missing. ``alerted`` is
    bool[len(rows)]. Never raises for any finite or non-finite state.
    """
    out = np.zeros(len(rows), DTYPE)
    if not len(rows):
        return out
    x, P = snapshot.x[rows], snapshot.P[rows]
    kind = snapshot.position_kind[rows]
    usable = np.asarray((np.abs(x) < 1e8).all(axis=1))  # not so for NaN
    x = np.where(usable[:, None], x, 0.0)
    point = usable & (kind == PositionKind.POINT)
    _position(out, x, P, frame, point)
    _bearing(out, snapshot, rows, kind, x, frame, sensors)
    out["id"] = snapshot.track_id[rows] & 0xFFFFFFFF
    for name, t_ns in (("t_state", snapshot.t_state_ns), ("t_update", snapshot.t_update_ns)):
        out[name] = np.clip((t_ns[rows] - t_base_ns) // 1_000_000, -(2**31) + 1, 2**31 - 1)
    bits = snapshot.sensors[rows]
    out["sensors_low"] = (bits & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    out["sensors_high"] = (bits >> np.uint64(32)).astype(np.uint32)
    out["status"] = snapshot.status[rows]
    out["kind"] = kind
    out["existence"] = _percent(snapshot.existence[rows])
    _classes(out, snapshot.class_probability[rows])
    out["affiliation"] = affiliations(snapshot, rows, alerted)
    ground = snapshot.attributes.get("on_ground")
    on_ground = np.zeros(len(rows), bool) if ground is None else ground[rows] == 1.0
    out["flags"] = on_ground * ON_GROUND + alerted * ALERTED
    return out


def _position(out: NDArray[np.void], x: Floats, P: Floats, frame: EnuFrame, point: NDArray[np.bool_]) -> None:
    """Geodetic position, velocity in local axes, ellipse and height of the rows that are points."""
    geodetic = frame.geodetic(x[:, :3])
    lat, lon = geodetic[:, 0], geodetic[:, 1]
    out["latitude"] = np.where(point, np.rint(np.degrees(lat) * 1e7), MISSING_I4)
    out["longitude"] = np.where(point, np.rint(np.degrees(lon) * 1e7), MISSING_I4)
    turn = frame.local_from_enu(lat, lon)
    velocity = (turn @ x[:, 3:, None])[..., 0]
    for k, name in enumerate(("east", "north", "up")):
        out[name] = np.where(point, velocity[:, k], np.nan)

    bounded = np.where(np.abs(P[:, :3, :3]) < 1e14, P[:, :3, :3], np.nan)
    local = turn @ bounded @ np.swapaxes(turn, 1, 2)
    east, north, both = local[:, 0, 0], local[:, 1, 1], local[:, 0, 1]
    middle, half = 0.5 * (east + north), np.hypot(0.5 * (north - east), both)
    out["sigma_major"] = np.where(point, np.sqrt(np.maximum(middle + half, 0.0)), np.nan)
    out["sigma_minor"] = np.where(point, np.sqrt(np.maximum(middle - half, 0.0)), np.nan)
    # variance along the direction θ from north is m + ½(n−e) cos 2θ + c sin 2θ: largest at ½ atan2(2c, n−e)
    angle = 0.5 * np.arctan2(2.0 * both, north - east)
    out["ellipse_angle"] = _integers(np.degrees(angle), 1e-2, MISSING_I2, -9_000, 9_000)
    sigma_up = np.sqrt(np.maximum(local[:, 2, 2], 0.0))
    known = point & (sigma_up <= SIGMA_HEIGHT_SHOWN_M)
    out["height"] = np.where(known, geodetic[:, 2], np.nan)
    out["sigma_height"] = _integers(np.where(known, sigma_up, np.nan), 1.0, MISSING_U2, 0, MISSING_U2 - 1)
    out["height_datum"] = np.where(known, HeightDatum.ELLIPSOID, HeightDatum.NONE)


def _bearing(
    out: NDArray[np.void],
    snapshot: TrackSnapshot,
    rows: Ints,
    kind: NDArray[np.uint8],
    x: Floats,
    frame: EnuFrame,
    sensors: tuple[SensorStatus, ...],
) -> None:
    """Origin, azimuth and its sigma of wedges; origin and range of rings."""
    partial = (kind == PositionKind.WEDGE) | (kind == PositionKind.RING)
    origin = np.where(partial, snapshot.origin_sensor[rows], -1)
    out["origin"] = origin
    wedge = kind == PositionKind.WEDGE
    bearing = snapshot.bearing[rows]
    bearing = np.where(wedge[:, None] & (np.abs(bearing) < 100.0), bearing, np.nan)  # no angle is larger
    azimuth = bearing[:, 0] % (2.0 * math.pi)
    out["azimuth"] = _integers(np.degrees(azimuth), 1e-2, MISSING_U2, 0, 36_000)
    out["azimuth_sigma"] = _integers(np.degrees(bearing[:, 1]), 1e-2, MISSING_U2, 0, MISSING_U2 - 1)
    out["range"] = np.nan
    ring = (kind == PositionKind.RING) & (origin >= 0) & (origin < len(sensors))
    if ring.any():
        place = np.array([(s.latitude_rad, s.longitude_rad, s.height_m) for s in sensors])[origin[ring]]
        away = x[ring, :3] - frame.pos_enu(place[:, 0], place[:, 1], place[:, 2])
        out["range"][ring] = _f4(np.sqrt((away * away).sum(axis=1)))


def _classes(out: NDArray[np.void], probability: Floats) -> None:
    """The verdict, then the two most probable of the other classes; equal ones in the order of ``ObjectClass``.

    A verdict that covers several (drone, bird) is followed by those it covers: the shares overlap.
    """
    probability = np.nan_to_num(probability)
    named, share = verdict(probability)
    left, every = probability.copy(), np.arange(len(probability))
    for k in (1, 2, 3):
        out[f"class_{k}"] = _CLASSES[named]
        out[f"class_{k}_probability"] = _percent(share)
        left[every, named] = -1.0  # twice the largest is quicker than sorting thirteen
        named = left.argmax(axis=1)
        share = probability[every, named]
