"""What the classifier keeps of each track, as columns in order of track number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.classify import motion, strength
from lowsky.classify.words import KINDS
from lowsky.model.classes import ObjectClass
from lowsky.model.evidence import EvidenceKind
from lowsky.model.measurement import Floats, Ints

N_CLASS, N_KIND, N_WORD = len(ObjectClass), len(EvidenceKind), len(KINDS)
SPECS: dict[str, tuple[type, tuple[int, ...]]] = {
    "track_id": (np.int64, ()),  # ascending
    "t_born_ns": (np.int64, ()),  # UTC of the first evidence …
    "t_ns": (np.int64, ()),  # … and of the newest
    "t_state_ns": (np.int64, ()),  # newest state in ``motion``; 0: none
    "t_plot_ns": (np.int64, ()),  # newest plot in ``strength``; 0: none
    "t_word_ns": (np.int64, (N_WORD,)),  # newest word of each kind; 0: none
    "motion": (np.float64, (motion.COLUMNS,)),  # sums
    "style": (np.float64, (N_CLASS,)),  # ln-likelihood of the tracker's modes
    "height": (np.float64, (2,)),  # above ground: newest, m, and its variance
    "speeds": (np.float64, (2, N_CLASS)),  # ln-likelihoods of its speeds over ground, and through the air
    "strength": (np.float64, (strength.COLUMNS,)),
    "words": (np.float64, (N_WORD, N_CLASS)),  # ln-likelihoods
    "log_prior": (np.float64, (N_CLASS,)),
    "log_p": (np.float64, (N_CLASS,)),  # posterior
    "for_drones": (np.float64, (N_KIND,)),  # decibans
    "typical": (np.float64, ()),  # p-value of its motion and echo in its most probable class
    "odd": (np.float64, ()),  # share of that class's probability that goes to UNKNOWN
    "is_counted": (np.bool_, ()),  # in what the priors learnt
}


class Columns:
    """Rows in order of ``track_id``. Columns are attributes, named as in ``SPECS``."""

    track_id: Ints
    t_born_ns: Ints
    t_ns: Ints
    t_state_ns: Ints
    t_plot_ns: Ints
    t_word_ns: Ints
    motion: Floats
    style: Floats
    height: Floats
    speeds: Floats
    strength: Floats
    words: Floats
    log_prior: Floats
    log_p: Floats
    for_drones: Floats
    typical: Floats
    odd: Floats
    is_counted: NDArray[np.bool_]

    def __init__(self) -> None:
        for name, (dtype, shape) in SPECS.items():
            setattr(self, name, np.zeros((0, *shape), dtype))

    def __len__(self) -> int:
        return len(self.track_id)

    def rows_of(self, track_id: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """Where numbers are, and whether they are there at all."""
        if not len(self):
            return np.zeros(len(track_id), np.int64), np.zeros(len(track_id), np.bool_)
        at = np.minimum(np.searchsorted(self.track_id, track_id), len(self) - 1)
        return at, self.track_id[at] == track_id

    def add(self, track_id: Ints, **first: Any) -> None:
        """Make rows for numbers that have none (ascending, each once), with these values and zeros."""
        new = np.setdiff1d(track_id, self.track_id, assume_unique=True)
        if not len(new):
            return
        first["track_id"] = new
        order = np.argsort(np.concatenate((self.track_id, new)), kind="stable")
        for name, (dtype, shape) in SPECS.items():
            extra: NDArray[Any] = np.zeros((len(new), *shape), dtype)
            if name in first:
                extra[:] = first[name]
            setattr(self, name, np.concatenate((getattr(self, name), extra))[order])

    def remove(self, track_id: list[int]) -> None:
        keep = ~np.isin(self.track_id, track_id)
        if not keep.all():
            for name in SPECS:
                setattr(self, name, getattr(self, name)[keep])

    def copy(self) -> "Columns":
        twin = Columns()
        for name in SPECS:
            setattr(twin, name, getattr(self, name).copy())
        return twin

    def dump(self) -> dict[str, bytes]:
        return {name: getattr(self, name).tobytes() for name in SPECS}

    def load(self, saved: dict[str, bytes]) -> None:
        """Raises ``ValueError`` where columns are missing or of another size."""
        if saved.keys() != SPECS.keys():
            raise ValueError("saved classifier has other columns")
        for name, (dtype, shape) in SPECS.items():
            setattr(self, name, np.frombuffer(saved[name], dtype).reshape(-1, *shape).copy())
