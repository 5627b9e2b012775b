"""Scores of a whole run: GOSPA, errors, consistency, identity, times (docs/scenarios.md, "Metrics")."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.evaluate.assign import assign
from lowsky.evaluate.seconds import Picture
from lowsky.evaluate.tables import States
from lowsky.geo.enu import EnuFrame
from lowsky.model.measurement import Floats, Ints

SECOND_AHEAD_S = 1.0
"""Two cars that meet are in one place; a second later they are not."""


@dataclass(frozen=True, slots=True)
class Gospa:
    """GOSPA of each second, p = 2, α = 2: √(Σ d² + c²/2 · (missed + false)). float64[S]."""

    cutoff_m: float
    localisation_m2: Floats  # Σ d² over assigned pairs
    missed: Ints
    false: Ints

    @property
    def gospa_m(self) -> Floats:
        return np.sqrt(self.localisation_m2 + 0.5 * self.cutoff_m**2 * (self.missed + self.false))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Assigned pairs of the whole run, in order of second."""

    second: Ints  # int64[K]
    target: Ints  # int64[K] entry of the truth's picture
    track: Ints  # int64[K] entry of the tracks' picture


def match(truth: Picture, tracks: Picture, n_second: int, cutoff_m: float) -> tuple[Gospa, Pairs]:
    """The optimal assignment of every second by itself."""
    n_truth, n_track = np.diff(truth.first), np.diff(tracks.first)
    found: list[tuple[Ints, Ints, Ints]] = []
    for s in range(n_second):
        here, there = truth.at(s), tracks.at(s)
        track_of = assign(truth.pos[here], tracks.pos[there], cutoff_m)
        target = np.nonzero(track_of >= 0)[0]
        found.append((np.full(len(target), s), here.start + target, there.start + track_of[target]))
    pairs = Pairs(*(_joined(part) for part in zip(*found)))
    d2 = ((truth.pos[pairs.target] - tracks.pos[pairs.track]) ** 2).sum(axis=1)
    n_pair = np.bincount(pairs.second, minlength=n_second)
    sums = np.bincount(pairs.second, weights=d2, minlength=n_second).astype(np.float64)
    return Gospa(cutoff_m, sums, n_truth - n_pair, n_track - n_pair), pairs


def _joined(parts: Iterable[Ints]) -> Ints:
    return np.concatenate([np.empty(0, np.int64), *parts])


@dataclass(frozen=True, slots=True)
class Followed:
    """Which track was each target's, second by second: a pair lives on while closer than the cut-off."""

    switches: dict[int, int]  # target id -> how often its track was another than its last one
    spans: dict[int, list[tuple[int, int, int]]]  # target id -> (first second, last second, track id), in order


def follow_identity(truth: Picture, tracks: Picture, n_second: int, cutoff_m: float) -> Followed:
    """A pair lives on while closer than the cut-off; the rest is matched anew each second; a target whose track is
    another than its last one counts one switch."""
    paired: dict[int, int] = {}  # pairs of the last second
    spans: dict[int, list[tuple[int, int, int]]] = {}
    switches: dict[int, int] = {}
    for s in range(n_second):
        here, there = truth.at(s), tracks.at(s)
        target_ids, track_ids = truth.id[here].tolist(), tracks.id[there].tolist()
        entry = {track: j for j, track in enumerate(track_ids)}
        kept: dict[int, int] = {}
        for i, target in enumerate(target_ids):
            j = entry.get(paired.get(target, -1), -1) if target in paired else -1
            if j >= 0 and np.sum((truth.pos[here][i] - tracks.pos[there][j]) ** 2) < cutoff_m**2:
                kept[i] = j
        free_targets = np.setdiff1d(np.arange(len(target_ids)), list(kept))
        free_tracks = np.setdiff1d(np.arange(len(track_ids)), list(kept.values()))
        anew = assign(truth.pos[here][free_targets], tracks.pos[there][free_tracks], cutoff_m)
        kept |= {int(free_targets[i]): int(free_tracks[j]) for i, j in enumerate(anew.tolist()) if j >= 0}
        paired = {target_ids[i]: track_ids[j] for i, j in kept.items()}
        for target, track in paired.items():
            before = spans.setdefault(target, [])
            if before and before[-1][2] != track:
                switches[target] = switches.get(target, 0) + 1
            if before and before[-1][1:] == (s - 1, track):
                before[-1] = (before[-1][0], s, track)
            else:
                before.append((s, s, track))
    return Followed(switches, spans)


@dataclass(frozen=True, slots=True)
class Nees:
    """Consistency of assigned pairs whose track row is of exactly that second and has a covariance."""

    second: Ints  # int64[K]
    target: Ints  # int64[K] id
    state: Floats  # float64[K] eᵀ P⁻¹ e, 6 components
    position: Floats  # float64[K] the same of the 3 of position
    contested: NDArray[np.bool_]  # bool[K] the track is nearer to another target: whose it is, the places do not say
    bad: int  # covariances that are not positive definite, left out


def nees(pairs: Pairs, truth: Picture, tracks: Picture, states: States, frame: EnuFrame) -> Nees:
    """Errors in east, north, up at the track's own point, where its covariance is given."""
    row = tracks.row[pairs.track]
    use = tracks.exact[pairs.track] & np.isfinite(states.covariance[row]).all(axis=(1, 2))
    use &= np.isfinite(tracks.vel[pairs.track]).all(axis=1)
    target, track, row = pairs.target[use], pairs.track[use], row[use]
    local = frame.local_from_enu(states.geodetic[row, 0], states.geodetic[row, 1])
    error = np.concatenate(
        (
            np.einsum("kij,kj->ki", local, truth.pos[target] - tracks.pos[track]),
            np.einsum("kij,kj->ki", local, truth.vel[target] - tracks.vel[track]),
        ),
        axis=1,
    )
    P = states.covariance[row]
    good = _positive_definite(P)
    error, P = error[good], P[good]
    return Nees(
        second=pairs.second[use][good],
        target=truth.id[target][good],
        state=_squared(error, P),
        position=_squared(error[:, :3], P[:, :3, :3]),
        contested=_contested(pairs, truth, tracks)[use][good],
        bad=int((~good).sum()),
    )


def _contested(pairs: Pairs, truth: Picture, tracks: Picture) -> NDArray[np.bool_]:
    """bool[K]: another target is nearer to the pair's track, now and a second later. Within a flock, where two meet, or
    where a second track of one object passes somebody who has none, the assignment is one of places alone, and its
    error none of the track's."""
    out = np.zeros(len(pairs.track), np.bool_)
    bounds = np.flatnonzero(np.diff(pairs.second, prepend=-1, append=-1))
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist()):
        here, some = truth.at(int(pairs.second[first])), slice(first, last)
        away = tracks.pos[pairs.track[some], None] - truth.pos[None, here]
        ahead = away + SECOND_AHEAD_S * np.nan_to_num(tracks.vel[pairs.track[some], None] - truth.vel[None, here])
        apart2 = (away**2).sum(axis=2) + (ahead**2).sum(axis=2)
        out[some] = apart2.argmin(axis=1) != pairs.target[some] - here.start
    return out


def _positive_definite(P: Floats) -> NDArray[np.bool_]:
    """bool[K]; judged on the correlation matrix, so that metres and metres per second weigh alike."""
    sigma = np.sqrt(np.maximum(np.diagonal(P, axis1=1, axis2=2), 0.0))
    safe = np.where(sigma > 0.0, sigma, 1.0)
    correlation = P / (safe[:, :, None] * safe[:, None, :])
    return (sigma > 0.0).all(axis=1) & (np.linalg.eigvalsh(correlation)[:, 0] > 1e-12)


def _squared(error: Floats, P: Floats) -> Floats:
    return np.asarray((error * np.linalg.solve(P, error[:, :, None])[:, :, 0]).sum(axis=1))


def first_seconds(pairs: Pairs, truth: Picture) -> dict[int, int]:
    """The first second in which each target has a track; targets that never have one are left out."""
    ids, where = np.unique(truth.id[pairs.target], return_index=True)  # pairs are in order of second
    return dict(zip(ids.tolist(), pairs.second[where].tolist()))
