"""Every identity's claim as columns: where it says it is by its own reports alone, and what was made of that so far."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.constants import SECOND_NS
from lowsky.kernels.claims import OTHER, follow_claims, repeats
from lowsky.model.measurement import Floats, Ints, MeasurementBatch
from lowsky.track.rows import Rows

CLAIMS_MOST = 1024
"""Identities that are checked at a time; who comes when all are in use stays unconfirmed."""
FORGOTTEN_NS = 120 * SECOND_NS
"""A claim silent for so long is forgotten, and what was found of it."""
REMEMBERED = 256
"""Positions of each identity that are compared with new ones: four minutes at one a second."""
STEP_LAW = np.array([30.0, 0.8, 6.0, 10.0, 15.0])
"""A report fits within 30 m, and 0.8 s of its speed (ADS-B places may be 0.6 s old), and 6 m/s² for the time since; a
claim begins anew after 10 s; two places that alternate take turns within 15 s."""
REPEAT_LAW = np.array([10.0, 50.0, 6.0])
"""Ten positions in the order they had before, along 50 m, not of the last six: a receiver that stands still may well
say the same few positions over and over."""
VAR_NO_HEIGHT, VAR_NO_VELOCITY = 1e8, 9.0  # m², (m/s)²
LEAST_VELOCITY_VAR = 0.25
UNIT = 1e7
"""Positions are compared to 1e-7 degrees, the last digit that Remote ID has."""


def column_specs(sensors: int) -> dict[str, tuple[type, tuple[int, ...]]]:
    """Name, dtype and shape per claim of every column."""
    return {
        "t_ns": (np.int64, ()),  # newest report
        "x": (np.float64, (6,)),
        "var": (np.float64, (3,)),  # of its place, level and up, and of its velocity
        "n": (np.int64, ()),
        "other_t_ns": (np.int64, ()),  # the other place of the same name; see ``kernels.claims.follow_claims``
        "other_x": (np.float64, (6,)),
        "other_n": (np.int64, ()),
        "last": (np.int64, ()),
        "swaps": (np.int64, ()),
        "twin_ns": (np.int64, ()),
        "ring": (np.int64, (REMEMBERED,)),  # positions it had; see ``kernels.claims.repeats``
        "ring_t_ns": (np.int64, (REMEMBERED,)),
        "ring_n": (np.int64, ()),
        "lag": (np.int64, ()),
        "run": (np.int64, ()),
        "run_m": (np.float64, (3,)),
        "repeat_ns": (np.int64, ()),
        "repeat_lag_ns": (np.int64, ()),
        "score": (np.float64, (sensors,)),  # ln P(looks | it is there)/P(looks | nobody is there), from each sensor
        "unseen": (
            np.float64,
            (sensors,),
        ),  # the part of it since the sensor last saw it there, against its being there
        "hidden": (np.float64, (sensors,)),  # probability that this sensor cannot see it, if it is there
        "misses": (np.int64, (sensors,)),  # looks since it was seen there in which it should have been
        "offset_info": (np.float64, (sensors, 3, 3)),  # information on how far the object is from where it says
        "offset_y": (np.float64, (sensors, 3)),
        "offset_n": (np.float64, (sensors,)),  # rows behind it; fading
        "t_look_ns": (np.int64, (sensors,)),
        "escort": (np.int64, ()),  # serial of a nameless track that flies as it does
        "escort_sum": (np.float64, ()),  # what its doing so for long is worth
        "t_escort_ns": (np.int64, ()),
        "state": (np.uint8, ()),  # IdentityState
        "t_other_ns": (np.int64, ()),  # since when the evidence is not for that state any more
        "was_there": (np.bool_, ()),  # sensors have seen it where it said, and it has not leapt since
        "t_said_ns": (np.int64, ()),  # when the reason was told
        "apart": (np.bool_, ()),  # sensors see that it is not where it says: its track is fed by it alone
    }


class Claimed:
    """K claims by name. Columns are attributes, named as in ``column_specs``."""

    t_ns: Ints
    x: Floats
    var: Floats
    n: Ints
    twin_ns: Ints
    other_t_ns: Ints
    other_x: Floats
    repeat_ns: Ints
    repeat_lag_ns: Ints
    score: Floats
    unseen: Floats
    hidden: Floats
    misses: Ints
    offset_info: Floats
    offset_y: Floats
    offset_n: Floats
    t_look_ns: Ints
    escort: Ints
    escort_sum: Floats
    t_escort_ns: Ints
    state: NDArray[np.uint8]
    t_other_ns: Ints
    t_said_ns: Ints
    was_there: NDArray[np.bool_]
    apart: NDArray[np.bool_]

    def __init__(self, sensors: int) -> None:
        self.slot_of: dict[str, int] = {}
        self.specs = column_specs(sensors)
        self.room = 0
        self._free: list[int] = []
        self._resize(16)

    def _resize(self, room: int) -> None:
        for name, (dtype, shape) in self.specs.items():
            new: NDArray[Any] = np.zeros((room, *shape), dtype)
            if self.room:
                new[: self.room] = getattr(self, name)
            setattr(self, name, new)
        self._free = [*range(room - 1, self.room - 1, -1), *self._free]
        self.room = room

    def slot(self, name: str) -> int:
        """The claim of a name, begun where there is none; −1 where there is no room."""
        at = self.slot_of.get(name)
        if at is not None:
            return at
        if not self._free:
            if self.room >= CLAIMS_MOST:
                return -1
            self._resize(2 * self.room)
        at = self._free.pop()
        for column in self.specs:
            getattr(self, column)[at] = 0
        self.slot_of[name] = at
        return at

    def forget(self, now_ns: int) -> list[str]:
        """Claims silent for too long are no more; their names."""
        gone = [name for name, at in self.slot_of.items() if now_ns - int(self.t_ns[at]) > FORGOTTEN_NS]
        for name in gone:
            self._free.append(self.slot_of.pop(name))
        return gone

    def hear(self, rows: Rows, batch: MeasurementBatch, who: Ints, names: list[str]) -> tuple[Ints, Ints, Ints]:
        """Reports ``who`` (int64[R], with a place; in level axes of their own) of ``names``, in the order of time.

        Returns the claim of each (−1: no room), and bool: it fits another place of its name; its claim just moved.
        """
        slot = np.array([self.slot(name) for name in names], np.int64)
        place = np.ascontiguousarray(rows.origin[who, :3])
        velocity = np.einsum("kab,ka->kb", rows.C[who], np.where(np.isfinite(rows.z[who, 3:]), rows.z[who, 3:], 0.0))
        velocity[~np.isfinite(rows.z[who, 3])] = np.nan
        var = np.empty((len(who), 3))
        var[:, 0] = rows.var[who, :2].max(axis=1)
        var[:, 1] = np.where(np.isfinite(rows.z[who, 2]) & ~rows.weak_height[who], rows.var[who, 2], VAR_NO_HEIGHT)
        stated = np.maximum(rows.var[who, 3:5].max(axis=1), LEAST_VELOCITY_VAR)
        var[:, 2] = np.where(np.isfinite(rows.z[who, 3]), stated, VAR_NO_VELOCITY)
        chain, moved = np.zeros(len(who), np.uint8), np.zeros(len(who), np.bool_)
        k = np.flatnonzero(slot >= 0)
        said = [np.ascontiguousarray(a[k]) for a in (slot, rows.t_ns[who], place, velocity, var)]
        own_chain, own_moved = np.empty(len(k), np.uint8), np.empty(len(k), np.bool_)
        follow_claims(
            *said, STEP_LAW, self.t_ns, self.x, self.var, self.n, self.other_t_ns, self.other_x, self["other_n"],
            self["last"], self["swaps"], self.twin_ns, own_chain, own_moved,
        )  # fmt: skip
        chain[k], moved[k] = own_chain, own_moved
        main = own_chain != OTHER
        degrees = np.degrees(batch.z[rows.source[who[k]], :2])
        turns = np.round(degrees * UNIT).astype(np.int64)
        repeats(
            said[0][main], said[1][main], said[2][main], (turns[:, 0] * 4_000_000_007 + turns[:, 1])[main],
            REPEAT_LAW, self["ring"], self["ring_t_ns"], self["ring_n"], self["lag"], self["run"], self["run_m"],
            self.repeat_ns, self.repeat_lag_ns,
        )  # fmt: skip
        return slot, np.asarray(chain, np.int64), np.asarray(moved, np.int64)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def dump(self) -> dict[str, Any]:
        live = list(self.slot_of.values())
        columns = {name: getattr(self, name)[live].tobytes() for name in self.specs}
        return {"room": self.room, "free": self._free, "slots": list(self.slot_of.items()), "columns": columns}

    def load(self, saved: dict[str, Any]) -> None:
        self.room = 0
        self._resize(saved["room"])
        self._free = list(saved["free"])
        self.slot_of = dict(saved["slots"])
        live = list(self.slot_of.values())
        for name, (dtype, shape) in self.specs.items():
            getattr(self, name)[live] = np.frombuffer(saved["columns"][name], dtype).reshape(len(live), *shape)
