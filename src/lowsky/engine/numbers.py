"""Track numbers as they are shown. A line of ticks numbers its tracks by its ticks alone; when late measurements make
another line the true one, its tracks keep the numbers that people already know them by."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields

import msgspec
import numpy as np

from lowsky.engine.fusion import after_hole
from lowsky.model.events import Event
from lowsky.model.measurement import Floats, Ints
from lowsky.model.track import PositionKind, TrackSnapshot, TrackStatus

SWEEP_ABOVE = 4096  # names are looked through for ones of long ago when there are more, and twice as many as are needed
SAME_PLACE = 16.27  # χ² quantile 0.999 of three components
SAME_BEARING = 3.29  # sigmas, 0.999
FARTHEST_M = 300.0  # however vague two tracks are


class _Saved(msgspec.Struct, array_like=True):
    shown: list[tuple[int, int]]
    next: int
    is_plain: bool
    sweep_at: int


class Numbers:
    """The number shown for each of a line's own numbers. While nothing was late the two are the same."""

    def __init__(self) -> None:
        self._shown: dict[int, int] = {}
        self.next = 1
        self._is_plain = True
        self._table: tuple[Ints, Ints] | None = None  # own numbers ascending, and theirs
        self._sweep_at = SWEEP_ABOVE

    def give(self, own: int) -> int:
        """The number of a track; a new one where it has none."""
        shown = self._shown.get(own)
        if shown is None:
            shown = max(self.next, own)
            self.put(own, shown)
        return shown

    def put(self, own: int, shown: int) -> None:
        self._shown[own] = shown
        self.next = max(self.next, shown + 1)
        self._is_plain = self._is_plain and own == shown
        self._table = None

    def get(self, own: int) -> int:
        """0 where it was never shown."""
        return self._shown.get(own, 0)

    def of(self, own: Ints) -> Ints:
        """int64[N], 0 where a track was never shown."""
        if self._is_plain or not len(own):
            return own
        if self._table is None:
            known = np.array(sorted(self._shown.items()), np.int64).reshape(-1, 2)
            self._table = np.ascontiguousarray(known[:, 0]), np.ascontiguousarray(known[:, 1])
        ids, shown = self._table
        if not len(ids):
            return np.zeros_like(own)
        at = np.minimum(np.searchsorted(ids, own), len(ids) - 1)
        return np.where(ids[at] == own, shown[at], 0)

    def renamed(self, since: int, names: Mapping[int, int]) -> None:
        """Another line is the true one: its own numbers from ``since`` on have the given names."""
        self._shown = {own: shown for own, shown in self._shown.items() if own < since}
        self._is_plain = all(own == shown for own, shown in self._shown.items())
        self._table = None
        for own, shown in names.items():
            self.put(own, shown)

    def spare(self, hole_ns: int) -> None:
        self.next = after_hole(self.next, hole_ns)

    def sweep(self, needed: Iterable[int]) -> None:
        """Forget the names of all but ``needed``; call it when ``is_due``."""
        keep = set(needed)
        self._shown = {own: shown for own, shown in self._shown.items() if own in keep}
        self._table = None
        self._sweep_at = max(SWEEP_ABOVE, 2 * len(self._shown))

    @property
    def is_due(self) -> bool:
        return len(self._shown) > self._sweep_at

    def event(self, event: Event) -> Event:
        """The same with the numbers shown."""
        own = {name: getattr(event, name) for name in ("track_id", "merged_track_id") if hasattr(event, name)}
        shown = {name: self.give(track_id) for name, track_id in own.items()}
        return event if own == shown else msgspec.structs.replace(event, **shown)

    def snapshot(self, tracks: TrackSnapshot) -> TrackSnapshot:
        """The same with the numbers shown, in their order; without what was never shown."""
        shown = self.of(tracks.track_id)
        if shown is tracks.track_id:
            return tracks
        rows = np.argsort(shown, kind="stable")
        return taken(tracks, rows[shown[rows] > 0], shown)

    def dump(self) -> bytes:
        return msgspec.msgpack.encode(_Saved(list(self._shown.items()), self.next, self._is_plain, self._sweep_at))

    def load(self, saved: bytes) -> None:
        state = msgspec.msgpack.decode(saved, type=_Saved)
        self._shown, self.next = dict(state.shown), state.next
        self._is_plain, self._sweep_at, self._table = state.is_plain, state.sweep_at, None


def taken(tracks: TrackSnapshot, rows: Ints, track_id: Ints | None = None) -> TrackSnapshot:
    """Some rows of a snapshot, in that order, with ``track_id`` (of all its rows) in place of its own."""
    values = {f.name: getattr(tracks, f.name) for f in fields(tracks)}
    if track_id is not None:
        values["track_id"] = track_id
    picked = rows.tolist()
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            values[name] = value[rows]
    values["identity"] = tuple(tracks.identity[row] for row in picked)
    values["texts"] = {name: tuple(column[row] for row in picked) for name, column in tracks.texts.items()}
    values["attributes"] = {name: column[rows] for name, column in tracks.attributes.items()}
    return TrackSnapshot(**values)


def with_ended(tracks: TrackSnapshot, ended: TrackSnapshot) -> TrackSnapshot:
    """A snapshot and once more the tracks that ended, as dropped, in order of number."""
    n, m = len(tracks), len(ended)
    values = {f.name: getattr(tracks, f.name) for f in fields(tracks)}
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            values[name] = np.concatenate((value, getattr(ended, name)))
    values["status"][n:] = TrackStatus.DROPPED
    values["identity"] = tracks.identity + ended.identity
    none: tuple[str | None, ...] = (None,)
    values["texts"] = {
        name: tracks.texts.get(name, none * n) + ended.texts.get(name, none * m)
        for name in dict.fromkeys([*tracks.texts, *ended.texts])
    }
    values["attributes"] = {
        name: np.concatenate((tracks.attributes.get(name, np.full(n, np.nan)),
                              ended.attributes.get(name, np.full(m, np.nan))))
        for name in dict.fromkeys([*tracks.attributes, *ended.attributes])
    }  # fmt: skip
    return taken(TrackSnapshot(**values), np.argsort(values["track_id"], kind="stable"))


def alike(votes: Counter[tuple[int, int]]) -> dict[int, int]:
    """One to one, most votes first: who (first of a pair) is whom (second)."""
    names: dict[int, int] = {}
    taken_names: set[int] = set()
    for (own, shown), _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote[0])):
        if own not in names and shown not in taken_names:
            names[own] = shown
            taken_names.add(shown)
    return names


def nearest(new: TrackSnapshot, old: TrackSnapshot) -> dict[int, int]:
    """Whom of ``old`` (its numbers) the tracks of ``new`` are by identity, else by place or bearing, one to one."""
    found: list[tuple[float, int, int]] = []
    points = (new.position_kind == PositionKind.POINT)[:, None] & (old.position_kind == PositionKind.POINT)[None, :]
    apart_m = np.abs(new.x[:, None, :2] - old.x[None, :, :2]).max(axis=2)
    named = np.array([name is not None for name in new.identity], np.bool_)[:, None]
    for k, j in np.argwhere(~points | (apart_m < 2.0 * FARTHEST_M) | named).tolist():
        distance = _distance(new, k, old, j)
        if distance < 1.0:
            found.append((distance, int(new.track_id[k]), int(old.track_id[j])))
    names: dict[int, int] = {}
    used: set[int] = set()
    for _, own, shown in sorted(found):
        if own not in names and shown not in used:
            names[own] = shown
            used.add(shown)
    return names


def _distance(new: TrackSnapshot, k: int, old: TrackSnapshot, j: int) -> float:
    """Below 1: the same object. −1: by its identity."""
    if new.identity[k] is not None or old.identity[j] is not None:
        if new.identity[k] == old.identity[j]:
            return -1.0
        if new.identity[k] is not None and old.identity[j] is not None:
            return np.inf
    if new.position_kind[k] != old.position_kind[j]:
        return np.inf
    if new.position_kind[k] != PositionKind.POINT:
        if new.origin_sensor[k] != old.origin_sensor[j]:
            return np.inf
        apart = (new.bearing[k, 0] - old.bearing[j, 0] + np.pi) % (2.0 * np.pi) - np.pi
        return float(abs(apart) / (SAME_BEARING * np.hypot(new.bearing[k, 1], old.bearing[j, 1])))
    apart_m: Floats = new.x[k, :3] - old.x[j, :3]
    apart_m = apart_m + (old.t_state_ns[j] - new.t_state_ns[k]) * 1e-9 * new.x[k, 3:]
    if float(np.linalg.norm(apart_m)) > FARTHEST_M:
        return np.inf
    spread = new.P[k, :3, :3] + old.P[j, :3, :3]
    return float(apart_m @ np.linalg.solve(spread, apart_m)) / SAME_PLACE
