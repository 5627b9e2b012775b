"""The objects of an alert as the picture has them: everything that an output may say of them."""

from typing import Any

import numpy as np

from lowsky.classify.verdict import verdict
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import ObjectClass
from lowsky.model.measurement import Floats
from lowsky.model.occurrence import Seen, Subject
from lowsky.model.site import Site
from lowsky.model.status import Alert
from lowsky.model.track import IdentityState, PositionKind, TrackSnapshot, TrackStatus

SIGMA_HEIGHT_SAID_M = 300.0  # above this a height says nothing a person could use
TWO_SIDED_95 = 1.959964  # of a normal variable, in σ
ROUND_95 = 2.447747  # of two equal ones: the radius of their circle, in σ
HALVINGS = 20  # to a millionth
ANGLES = (np.arange(64) + 0.5) * np.pi / 128.0  # a quarter of the plane is as good as all of it


def radius_95_m(P: Floats) -> Floats:
    """Radius float64[N] of the circle that holds a level position with covariance float64[N, 2, 2], m², with
    probability 0.95.

    In the direction φ of the whitened plane the circle is left beyond R / √(a cos²φ + b sin²φ) standard deviations,
    with a and b the variances along the axes; the mean over φ is the probability outside. R is found by halving.
    """
    variances = np.maximum(np.linalg.eigvalsh(P), 1e-6)
    along = variances[:, 1:] * np.cos(ANGLES) ** 2 + variances[:, :1] * np.sin(ANGLES) ** 2
    low: Floats = np.zeros(len(P))
    high: Floats = ROUND_95 * np.sqrt(variances[:, 1])
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        outside = np.exp(-np.minimum(0.5 * middle[:, None] ** 2 / along, 700.0)).mean(axis=1)
        low, high = np.where(outside > 0.05, middle, low), np.where(outside > 0.05, high, middle)
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
    usable = np.isfinite(geodetic).all(axis=1) & np.isfinite(P).all(axis=(1, 2))
    usable &= tracks.position_kind[rows] == PositionKind.POINT
    radius = np.full(len(rows), np.nan)
    radius[usable] = radius_95_m(P[usable][:, :2, :2])
    said = []
    for k, row in enumerate(rows.tolist()):
        bits = int(tracks.sensors[row])
        place = _place(geodetic[k], velocity[k], P[k], radius[k]) if usable[k] else {}
        operator = _operator(tracks, row) if with_operators else {}
        subject = Subject(
            track_id=int(tracks.track_id[row]), existence=float(tracks.existence[row]),
            class_name=ObjectClass(int(named[k])).label, class_probability=float(share[k]),
            identity=tracks.identity[row], identity_state=IdentityState(int(tracks.identity_state[row])).label,
            sensors=tuple(s.id for i, s in enumerate(site.sensors) if bits >> i & 1),
            **place, **operator,
        )  # fmt: skip
        said.append(subject)
    return said


def seen(tracks: TrackSnapshot, site: Site, alerts: tuple[Alert, ...], operators: bool) -> Seen:
    """Every surely existing object of the picture."""
    shown = (tracks.status == TrackStatus.CONFIRMED) | (tracks.status == TrackStatus.COASTING)
    open_ = (alert for alert in alerts if alert.cleared_ns is None)
    alerted = {i for alert in open_ for i in (*alert.track_ids, alert.track_id) if i is not None}
    ids = tuple(tracks.track_id[shown].tolist())
    return Seen(
        t_ns=tracks.t_ns, site=site.name, subjects=tuple(subjects_of(tracks, ids, site, operators)),
        alerted=frozenset(alerted), is_exercise=site.exercise,
    )  # fmt: skip


def _place(geodetic: Floats, velocity: Floats, P: Floats, radius_m: float) -> dict[str, Any]:
    place = {
        "latitude_rad": float(geodetic[0]), "longitude_rad": float(geodetic[1]), "radius_95_m": float(radius_m),
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
