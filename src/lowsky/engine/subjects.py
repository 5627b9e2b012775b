"""The objects of an alert as the picture has them: everything that an output may say of them."""

from typing import Any

import numpy as np

from lowsky.classify.verdict import verdict
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import ObjectClass
from lowsky.model.measurement import Floats
from lowsky.model.occurrence import Subject
from lowsky.model.site import Site
from lowsky.model.track import PositionKind, TrackSnapshot

SIGMA_HEIGHT_SAID_M = 300.0  # above this a height says nothing a person could use
TWO_SIDED_95 = 1.959964  # of a normal variable, in σ
ROUND_95 = 2.447747  # of two equal ones: the radius of their circle, in σ
ANGLES = (np.arange(64) + 0.5) * np.pi / 128.0  # a quarter of the plane is as good as all of it


def radius_95_m(P: Floats) -> float:
    """Radius of the circle that holds a level position with covariance float64[2, 2], m², with probability 0.95.

    In the direction φ of the whitened plane the circle is left beyond R / √(a cos²φ + b sin²φ) standard deviations,
    with a and b the variances along the axes; the mean over φ is the probability outside. R is found by halving.
    """
    variances = np.maximum(np.linalg.eigvalsh(P), 1e-6)
    along = variances[1] * np.cos(ANGLES) ** 2 + variances[0] * np.sin(ANGLES) ** 2
    low, high = 0.0, ROUND_95 * float(np.sqrt(variances[1]))
    for _ in range(40):
        middle = 0.5 * (low + high)
        outside = float(np.exp(-np.minimum(0.5 * middle**2 / along, 700.0)).mean())
        low, high = (middle, high) if outside > 0.05 else (low, middle)
    return high


def subjects_of(tracks: TrackSnapshot, ids: tuple[int, ...], site: Site, with_operators: bool) -> list[Subject]:
    """Those of ``ids`` that are in the picture, in this order."""
    row_of = {track_id: row for row, track_id in enumerate(tracks.track_id.tolist())}
    rows = np.array([row_of[track_id] for track_id in ids if track_id in row_of], np.int64)
    if not len(rows):
        return []
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    geodetic, velocity, P = frame.local_states(tracks.x[rows], tracks.P[rows])
    named, share = verdict(tracks.class_probability[rows])
    said = []
    for k, row in enumerate(rows.tolist()):
        bits, is_point = int(tracks.sensors[row]), tracks.position_kind[row] == PositionKind.POINT
        place = _place(geodetic[k], velocity[k], P[k]) if is_point else {}
        operator = _operator(tracks, row) if with_operators else {}
        subject = Subject(
            track_id=int(tracks.track_id[row]), existence=float(tracks.existence[row]),
            class_name=ObjectClass(int(named[k])).label, class_probability=float(share[k]),
            identity=tracks.identity[row], sensors=tuple(s.id for i, s in enumerate(site.sensors) if bits >> i & 1),
            **place, **operator,
        )  # fmt: skip
        said.append(subject)
    return said


def _place(geodetic: Floats, velocity: Floats, P: Floats) -> dict[str, Any]:
    if not (np.isfinite(geodetic).all() and np.isfinite(P[:3, :3]).all()):
        return {}
    place = {
        "latitude_rad": float(geodetic[0]), "longitude_rad": float(geodetic[1]), "radius_95_m": radius_95_m(P[:2, :2]),
        "east_mps": float(velocity[0]), "north_mps": float(velocity[1]),
    }  # fmt: skip
    sigma_height = float(np.sqrt(max(P[2, 2], 0.0)))
    if sigma_height <= SIGMA_HEIGHT_SAID_M:
        place |= {
            "height_m": float(geodetic[2]),
            "height_95_m": TWO_SIDED_95 * sigma_height,
            "up_mps": float(velocity[2]),
        }
    return place


def _operator(tracks: TrackSnapshot, row: int) -> dict[str, Any]:
    found = {name: tracks.attributes.get(name) for name in ("operator_latitude_rad", "operator_longitude_rad")}
    known = {name: float(values[row]) for name, values in found.items() if values is not None}
    return known if len(known) == 2 and np.isfinite(list(known.values())).all() else {}
