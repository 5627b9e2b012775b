"""The picture at each whole second: which rows are shown, and where they put their object."""

from dataclasses import dataclass

import numpy as np

from lowsky.constants import SECOND_NS
from lowsky.evaluate.tables import States
from lowsky.geo.enu import EnuFrame
from lowsky.geo.polar import wrap_pi
from lowsky.model.measurement import Floats, Ints

SHOWN = ("confirmed", "coasting")
ALIVE = ("tentative", "confirmed", "coasting")


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown, second by second. Entry e is one object at one second; entries in order of second and id."""

    first: Ints  # int64[S + 1]: entries of second s are first[s] to first[s + 1]
    row: Ints  # int64[E] row of the table
    id: Ints  # int64[E]
    pos: Floats  # float64[E, 3] m in the common frame, carried to the second
    vel: Floats  # float64[E, 3] m/s in the common frame
    exact: Ints  # bool[E] the row is of exactly that second

    def at(self, second: int) -> slice:
        return slice(int(self.first[second]), int(self.first[second + 1]))


def whole_seconds(span_ns: tuple[int, int]) -> Ints:
    """int64[S] UTC: every whole second after the start of the span, to its end."""
    first, last = span_ns[0] // SECOND_NS + 1, span_ns[1] // SECOND_NS
    return np.arange(first, last + 1, dtype=np.int64) * SECOND_NS


def common_frame(truth: States) -> EnuFrame:
    """Distances do not depend on it; the map does: level in the middle of the truth."""
    half = truth.geodetic[-1] - truth.geodetic[0]
    half[1] = wrap_pi(half[1])  # the short way round
    latitude, longitude, height_m = truth.geodetic[0] + half / 2.0
    return EnuFrame.at(float(latitude), float(longitude), float(height_m))


def in_frame(states: States, frame: EnuFrame) -> tuple[Floats, Floats]:
    """Position and velocity of every row in the common frame, float64[R, 3]; NaN where there is no position."""
    latitude, longitude, height_m = states.geodetic.T
    local = frame.local_from_enu(latitude, longitude)
    return frame.pos_enu(latitude, longitude, height_m), np.einsum("rji,rj->ri", local, states.vel)


def picture(
    states: States, seconds: Ints, frame: EnuFrame, max_age_s: float, statuses: tuple[str, ...] | None
) -> Picture:
    """At each second the latest row of each id, if it is one of ``statuses`` and at most ``max_age_s`` old.

    Causal: only rows up to the second. A row without a velocity is not moved. ``statuses`` None is truth, which
    ends with its last row and is not carried beyond.
    """
    t_ns = states.t_ns
    has_next = np.append(states.id[1:] == states.id[:-1], False)
    until = np.where(has_next, np.append(t_ns[1:], 0) - 1, np.iinfo(np.int64).max)
    until = np.minimum(until, t_ns + round(max_age_s * SECOND_NS))
    if statuses is None:
        until = np.where(has_next, until, t_ns)
    valid = np.isfinite(states.geodetic).all(axis=1)
    if statuses is not None:
        valid &= np.isin(np.array(states.status, np.str_), statuses)
    begin = np.searchsorted(seconds, t_ns, side="left")
    count = np.where(valid, np.searchsorted(seconds, until, side="right") - begin, 0)
    row = np.repeat(np.arange(len(t_ns)), count)
    second = np.repeat(begin, count) + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    order = np.lexsort((states.id[row], second))
    row, second = row[order], second[order]
    pos, vel = in_frame(states, frame)
    age_s = (seconds[second] - t_ns[row]) / SECOND_NS
    return Picture(
        first=np.searchsorted(second, np.arange(len(seconds) + 1)),
        row=row,
        id=states.id[row],
        pos=pos[row] + np.nan_to_num(vel[row]) * age_s[:, None],
        vel=vel[row],
        exact=age_s == 0.0,
    )
