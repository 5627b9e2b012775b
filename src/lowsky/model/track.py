"""Tracks as everybody outside ``track/`` sees them: frozen columns, one row per object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.model.evidence import EvidenceKind
from lowsky.model.measurement import Floats, Ints


@unique
class TrackStatus(IntEnum):
    """A track's life."""

    TENTATIVE = 1
    CONFIRMED = 2
    COASTING = 3
    DROPPED = 4

    @property
    def label(self) -> str:
        return self.name.lower()


@unique
class PositionKind(IntEnum):
    """How much of the position is known, so how it may be drawn."""

    POINT = 1  # position with an uncertainty ellipse
    WEDGE = 2  # bearing only: a wedge of ± sigma from the sensor
    RING = 3  # range only


@unique
class IdentityState(IntEnum):
    """What independent sensors say of a declared identity (docs/identity.md)."""

    NONE = 0  # it declares none: non-cooperative
    UNCONFIRMED = 1  # nothing independent could see it there, or not enough has
    CONSISTENT = 2  # it was seen where it says it is
    CONTRADICTED = 3  # it is not where it says it is, or two objects use one name

    @property
    def label(self) -> str:
        return self.name.lower()


IDENTITY_SURE = 0.9
"""An identity that is a track's own with less probability is shown as uncertain; one that is another's with more is
given to it (docs/science 1.11)."""


def _nothing() -> Floats:
    return np.empty(0)


@dataclass(frozen=True, slots=True)
class TrackSnapshot:
    """Every track of the picture at ``t_ns``, as columns. N rows in order of ``track_id``. Read-only arrays.

    ``x`` is east, north, up m, then m/s, in the ENU frame of the site's origin; ``P`` its covariance. Sensors
    are bits of ``sensors``: bit k is the k-th sensor of the site file. Rows that just dropped appear once with
    status DROPPED.
    """

    t_ns: int
    track_id: Ints  # int64[N]            never reused, never 0
    t_state_ns: Ints  # int64[N]          UTC of x and P
    t_update_ns: Ints  # int64[N]         UTC of the last measurement used
    x: Floats  # float64[N, 6]
    P: Floats  # float64[N, 6, 6]
    existence: Floats  # float64[N]       probability in [0, 1]
    status: NDArray[np.uint8]  # uint8[N] TrackStatus
    position_kind: NDArray[np.uint8]  # uint8[N] PositionKind
    sensors: NDArray[np.uint64]  # uint64[N]  sensors that fed it in the last 10 s
    origin_sensor: NDArray[np.int16]  # int16[N] for WEDGE and RING: index of the sensor it is seen from, else -1
    bearing: Floats  # float64[N, 2]      for WEDGE: azimuth and its sigma at that sensor, rad; else NaN
    class_probability: Floats  # float64[N, len(ObjectClass)]  sums to 1
    identity: tuple[str | None, ...]  # length N: declared identity
    texts: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)  # callsign, operator_id, …
    attributes: Mapping[str, Floats] = field(default_factory=dict)  # newest value of each ATTRIBUTES column
    # float64[N] each; left out: nothing in doubt, no crowd
    identity_probability: Floats = field(default_factory=_nothing)  # its declared identity is its own; NaN: it has none
    group_count: Floats = field(default_factory=_nothing)  # objects in the crowd it is in, too close to tell apart …
    group_sigma: Floats = field(default_factory=_nothing)  # … ± this (1σ); NaN: none
    # float64[N, 2]: probability that it is on its way (and not at work somewhere), that it hovers; NaN: nobody says
    behaviour: Floats = field(default_factory=_nothing)
    # float64[N, len(EvidenceKind)] decibans by kind for "a drone" against what else it may be; left out: none
    drone_evidence: Floats = field(default_factory=_nothing)

    # uint8[N] IdentityState; left out: none or unconfirmed. Since when, UTC ns; texts["identity_reason"] says why
    identity_state: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    identity_since_ns: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if len(self.track_id) and not len(self.identity_state):
            named = [name is not None for name in self.identity]
            states = np.where(named, IdentityState.UNCONFIRMED, IdentityState.NONE).astype(np.uint8)
            object.__setattr__(self, "identity_state", states)
        if len(self.track_id) and not len(self.identity_since_ns):
            object.__setattr__(self, "identity_since_ns", np.zeros(len(self.track_id), np.int64))
        if len(self.track_id) and not len(self.identity_probability):
            sure = np.where([name is not None for name in self.identity], 1.0, np.nan)
            object.__setattr__(self, "identity_probability", sure)
        for name in ("group_count", "group_sigma"):
            if len(self.track_id) and not len(getattr(self, name)):
                object.__setattr__(self, name, np.full(len(self.track_id), np.nan))
        if not len(self.behaviour):
            object.__setattr__(self, "behaviour", np.full((len(self.track_id), 2), np.nan))
        if not len(self.drone_evidence):
            object.__setattr__(self, "drone_evidence", np.zeros((len(self.track_id), len(EvidenceKind))))
        columns: tuple[NDArray[Any], ...] = (
            self.track_id, self.t_state_ns, self.t_update_ns, self.x, self.P, self.existence, self.status,
            self.position_kind, self.sensors, self.origin_sensor, self.bearing, self.class_probability,
            self.identity_probability, self.group_count, self.group_sigma, self.behaviour, self.drone_evidence,
            self.identity_state, self.identity_since_ns,
            *self.attributes.values(),
        )  # fmt: skip
        for a in columns:
            if len(a) != len(self.track_id):
                raise TypeError(f"a column has {len(a)} rows, track_id has {len(self.track_id)}")
            a.flags.writeable = False

    def __len__(self) -> int:
        return len(self.track_id)

    def is_unsure(self) -> NDArray[np.bool_]:
        """bool[N]: has a declared identity that may well be another track's."""
        return np.asarray(self.identity_probability < IDENTITY_SURE)  # not so for NaN

    def is_contradicted(self) -> NDArray[np.bool_]:
        """bool[N]: what it says of itself is not what sensors see."""
        return np.asarray(self.identity_state == IdentityState.CONTRADICTED)


@dataclass(frozen=True, slots=True)
class Moving:
    """How some tracks move, for the stages behind the tracker: K rows in order of ``track_id``."""

    track_id: Ints  # int64[K]
    t_ns: Ints  # int64[K] UTC of x and P
    x: Floats  # float64[K, 6]
    P: Floats  # float64[K, 6, 6]
    styles: Floats  # float64[K, 4] probability that it hovers, flies straight, turns, is agile
    usual: Floats  # float64[4] … of a newborn
    reports: NDArray[np.bool_]  # bool[K] it reports itself
