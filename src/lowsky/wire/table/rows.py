"""Rows of a measurement table as columns, in the file's units, before anything is judged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lowsky.model.measurement import Floats, Ints, Labels

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rows:
    """N rows. ``values`` and ``texts`` have only the columns that are there; NaN and code −1 mean missing."""

    time_ns: Ints  # int64[N] UTC; −1 where it cannot be represented
    received_ns: Ints  # int64[N] UTC
    has_time: Mask  # bool[N]
    sensor: Labels
    look: Ints  # int64[N]
    has_look: Mask  # bool[N]
    malformed: Mask  # bool[N] a cell was not what its column holds
    values: dict[str, Floats] = field(default_factory=dict)  # name of VALUES -> float64[N]
    texts: dict[str, Labels] = field(default_factory=dict)  # name of TEXTS -> Labels

    def __len__(self) -> int:
        return len(self.time_ns)

    def take(self, rows: Any) -> "Rows":
        """Some of the rows, by index, slice or mask."""
        return Rows(
            self.time_ns[rows], self.received_ns[rows], self.has_time[rows], _take(self.sensor, rows),
            self.look[rows], self.has_look[rows], self.malformed[rows],
            {name: column[rows] for name, column in self.values.items()},
            {name: _take(labels, rows) for name, labels in self.texts.items()},
        )  # fmt: skip

    def received_at(self, received_ns: Ints) -> "Rows":
        """The same rows with other times of receipt."""
        return replace(self, received_ns=received_ns)


def _take(labels: Labels, rows: Any) -> Labels:
    return Labels(labels.codes[rows], labels.names)


def joined(parts: Sequence[Rows]) -> Rows:
    """All rows of the parts, one after the other."""
    lengths = [len(part) for part in parts]
    plain = [f.name for f in fields(Rows) if f.name not in ("sensor", "values", "texts")]
    stacked = {name: np.concatenate([getattr(part, name) for part in parts]) for name in plain}
    values = {
        name: np.concatenate([part.values.get(name, np.full(len(part), np.nan)) for part in parts])
        for name in _all_names(part.values for part in parts)
    }
    texts = {
        name: joined_labels([part.texts.get(name) for part in parts], lengths)
        for name in _all_names(part.texts for part in parts)
    }
    return Rows(**stacked, sensor=joined_labels([p.sensor for p in parts], lengths), values=values, texts=texts)


def _all_names(columns: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(name for names in columns for name in names))


def joined_labels(parts: Sequence[Labels | None], lengths: Sequence[int]) -> Labels:
    """One text column of several; None is a part without that column."""
    index: dict[str, int] = {}
    codes = []
    for labels, n in zip(parts, lengths):
        if labels is None:
            codes.append(np.full(n, -1, np.int32))
            continue
        renumbered = np.array([index.setdefault(name, len(index)) for name in labels.names] + [-1], np.int32)
        codes.append(renumbered[labels.codes])  # code −1 is the last one: missing
    return Labels(np.concatenate(codes) if codes else np.empty(0, np.int32), tuple(index))


def first_seen(labels: Labels) -> Labels:
    """The same texts with codes in order of first appearance, and only the names that appear."""
    codes = np.empty(len(labels), np.int32)
    used = renumber(labels.codes, len(labels.names), codes)
    return Labels(codes, tuple(map(labels.names.__getitem__, used.tolist())))


@njit(cache=True)
def renumber(codes, n_names, out):  # type: ignore[no-untyped-def]
    """``codes`` int32[N] counted anew into ``out`` int32[N] in order of first appearance, −1 as it is; returns the
    old codes in that order, int32[K]."""
    number = np.full(n_names, -1, np.int32)
    used, count = np.empty(min(n_names, codes.shape[0]), np.int32), 0
    for row in range(codes.shape[0]):
        code = codes[row]
        if code >= 0 and number[code] < 0:
            number[code] = count
            used[count] = code
            count += 1
        out[row] = number[code] if code >= 0 else -1
    return used[:count]
