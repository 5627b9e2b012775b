"""Pairs of a target and a track that were ever near each other, second by second.

What is never nearer than the cut-off is never one object, so this small table is all that metrics over whole
trajectories need.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from lowsky.evaluate.seconds import Picture
from lowsky.model.measurement import Floats, Ints


@dataclass(frozen=True, slots=True)
class Together:
    """Pairs that were ever closer than ``cutoff_m``, and every second in which both are there."""

    cutoff_m: float
    target_ids: Ints  # int64[N] every target that is ever there
    track_ids: Ints  # int64[M]
    target: Ints  # int64[E] of each pair, index into target_ids
    track: Ints  # int64[E]
    pair: Ints  # int64[Q] of each meeting, in order of second and pair
    second: Ints  # int64[Q]
    distance_m: Floats  # float64[Q]
    target_entry: Ints  # int64[Q] entry of the truth's picture
    track_entry: Ints  # int64[Q]
    truth_first: Ints  # int64[S + 1] as in ``Picture``
    truth_at: Ints  # int64[entries] index into target_ids of every entry of the truth's picture
    tracks_first: Ints
    tracks_at: Ints

    @property
    def seconds(self) -> int:
        return len(self.truth_first) - 1


def together(truth: Picture, tracks: Picture, cutoff_m: float) -> Together:
    """The pairs of two pictures of the same seconds."""
    target_ids, target_at = np.unique(truth.id, return_inverse=True)
    track_ids, track_at = np.unique(tracks.id, return_inverse=True)
    code = near_codes(truth.first, truth.pos, target_at, tracks.first, tracks.pos, track_at, len(track_ids), cutoff_m)
    code = np.unique(code)
    target, track = code // max(len(track_ids), 1), code % max(len(track_ids), 1)
    pair, second, distance_m, i, j = meetings(
        truth.first, truth.pos, target_at, tracks.first, tracks.pos, track_at,
        len(target_ids), len(track_ids), target, track,
    )  # fmt: skip
    return Together(
        cutoff_m, target_ids, track_ids, target, track, pair, second, distance_m, i, j,
        truth.first, target_at, tracks.first, track_at,
    )  # fmt: skip


@njit(cache=True)
def near_codes(
    first: Ints,
    pos: Floats,
    at: Ints,
    other_first: Ints,
    other_pos: Floats,
    other_at: Ints,
    n_other: int,
    cutoff: float,
) -> Ints:
    """target · M + track of every pair closer than the cut-off, int64[any], once for each run of seconds it lasts."""
    found = [np.int64(0) for _ in range(0)]
    for s in range(len(first) - 1):
        a, b = other_first[s], other_first[s + 1]
        by_east = a + np.argsort(other_pos[a:b, 0])
        east = other_pos[by_east, 0]
        for i in range(first[s], first[s + 1]):
            k = np.searchsorted(east, pos[i, 0] - cutoff)
            while k < len(east) and east[k] <= pos[i, 0] + cutoff:
                j = by_east[k]
                k += 1
                d2 = 0.0
                for axis in range(3):
                    d2 += (pos[i, axis] - other_pos[j, axis]) ** 2
                if d2 < cutoff * cutoff:
                    found.append(at[i] * n_other + other_at[j])
    out = np.empty(len(found), np.int64)
    for k in range(len(found)):
        out[k] = found[k]
    return out


@njit(cache=True)
def meetings(
    first: Ints, pos: Floats, at: Ints, other_first: Ints, other_pos: Floats, other_at: Ints,
    n: int, n_other: int, target: Ints, track: Ints,
) -> tuple[Ints, Ints, Floats, Ints, Ints]:  # fmt: skip
    """Every second in which both of a pair are there: pair, second, distance, entries."""
    n_second, n_pair = len(first) - 1, len(target)
    entry, other_entry = np.empty(n, np.int64), np.empty(n_other, np.int64)
    count = 0
    for filling in range(2):
        if filling:
            pair, second, d = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count)
            at_target, at_track = np.empty(count, np.int64), np.empty(count, np.int64)
        count = 0
        for s in range(n_second):
            entry[:], other_entry[:] = -1, -1
            for i in range(first[s], first[s + 1]):
                entry[at[i]] = i
            for j in range(other_first[s], other_first[s + 1]):
                other_entry[other_at[j]] = j
            for e in range(n_pair):
                i, j = entry[target[e]], other_entry[track[e]]
                if i < 0 or j < 0:
                    continue
                if filling:
                    d2 = 0.0
                    for axis in range(3):
                        d2 += (pos[i, axis] - other_pos[j, axis]) ** 2
                    pair[count], second[count], d[count] = e, s, np.sqrt(d2)
                    at_target[count], at_track[count] = i, j
                count += 1
    return pair, second, d, at_target, at_track
