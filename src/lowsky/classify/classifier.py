"""Class probabilities of every track, recursive Bayes over the words that sensors and objects say."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lowsky.classify.evidence import (
    N_CLASS,
    TRUST_DECLARED,
    TRUST_SENSOR,
    WORTH_OF_REPEAT,
    log_likelihood,
    prior,
)
from lowsky.model.classes import BY_LABEL, UMBRELLAS, ObjectClass
from lowsky.model.measurement import Floats, Ints, MeasurementBatch, MeasurementKind

FLOOR = -30.0
"""Log-probabilities are kept within this of the best, so that no class is ever ruled out for good."""


IMPOSSIBLE = -700.0
"""ln of a probability that is nothing in float64's sums: of words that are no classes of their own."""


class _Saved(msgspec.Struct):
    track_id: bytes
    log_p: bytes
    spoken: bytes


class Classifier:
    """Keeps ln P(class) per track id. Deterministic; ``dump`` and ``load`` are exact.

    ``judging``: ids of sensors whose reports are their own opinion, and not what objects say of themselves.
    """

    name = "classify"

    def __init__(self, judging: frozenset[str] = frozenset()) -> None:
        self._judging = judging
        self._track_id: Ints = np.empty(0, np.int64)  # ascending
        self._log_p: Floats = np.empty((0, N_CLASS))
        self._spoken = np.empty((0, 2), np.bool_)  # declared, sensor: has this kind of source said a word
        self._log_prior = np.log(np.maximum(prior(), np.exp(IMPOSSIBLE)))
        self._likelihood = (log_likelihood(TRUST_DECLARED), log_likelihood(TRUST_SENSOR))

    def step(self, batch: MeasurementBatch, track_id: Ints, rows: NDArray[Any], weight: Floats) -> None:
        """Take what ``batch`` says of the class of the tracks its rows were associated to.

        ``track_id`` int64[K], ``rows`` intp[K] of the batch and ``weight`` float64[K] (probability that the row is
        of the track) belong together.
        """
        labels = batch.texts.get("class")
        if labels is None or not len(track_id):
            return
        word_of = np.array([BY_LABEL.get(name, ObjectClass.UNKNOWN) for name in labels.names] + [-1])
        word = word_of[labels.codes[rows]]  # code -1 picks the last: no word
        said = word >= 0
        if not said.any():
            return
        track_id, word, weight = track_id[said], word[said], weight[said]
        self._make_room(np.unique(track_id))
        source = 0 if batch.kind == MeasurementKind.REPORT and batch.sensor not in self._judging else 1
        where = np.searchsorted(self._track_id, track_id)
        touched, first = np.unique(where, return_index=True)
        worth = np.full(len(where), WORTH_OF_REPEAT)
        worth[first[~self._spoken[touched, source]]] = 1.0
        self._spoken[touched, source] = True
        np.add.at(self._log_p, where, self._likelihood[source][word] * (weight * worth)[:, None])
        best = self._log_p[touched].max(axis=1, keepdims=True)
        lifted = np.maximum(self._log_p[touched] - best, FLOOR)
        lifted[:, list(UMBRELLAS)] = IMPOSSIBLE
        self._log_p[touched] = lifted

    def _make_room(self, track_id: Ints) -> None:
        new = np.setdiff1d(track_id, self._track_id, assume_unique=True)
        if len(new):
            ids = np.concatenate((self._track_id, new))
            log_p = np.concatenate((self._log_p, np.tile(self._log_prior, (len(new), 1))))
            spoken = np.concatenate((self._spoken, np.zeros((len(new), 2), np.bool_)))
            order = np.argsort(ids, kind="stable")
            self._track_id, self._log_p, self._spoken = ids[order], log_p[order], spoken[order]

    def forget(self, dropped: list[int]) -> None:
        """Drop the evidence of tracks that are no more."""
        if not dropped:
            return
        keep = ~np.isin(self._track_id, dropped)
        self._track_id, self._log_p, self._spoken = self._track_id[keep], self._log_p[keep], self._spoken[keep]

    def probabilities(self, track_id: Ints) -> Floats:
        """float64[len(track_id), N_CLASS]; tracks nothing was said of have the prior's UNKNOWN = 1."""
        p = np.zeros((len(track_id), N_CLASS))
        p[:, ObjectClass.UNKNOWN] = 1.0
        if len(self._track_id):
            where = np.minimum(np.searchsorted(self._track_id, track_id), len(self._track_id) - 1)
            known = self._track_id[where] == track_id
            log_p = self._log_p[where[known]]
            likely = np.exp(log_p - log_p.max(axis=1, keepdims=True))
            p[known] = likely / likely.sum(axis=1, keepdims=True)
        return p

    def copy(self) -> "Classifier":
        """Another in the same state."""
        twin = Classifier(self._judging)
        twin._track_id, twin._log_p, twin._spoken = self._track_id.copy(), self._log_p.copy(), self._spoken.copy()
        return twin

    def dump(self) -> bytes:
        return msgspec.msgpack.encode(_Saved(self._track_id.tobytes(), self._log_p.tobytes(), self._spoken.tobytes()))

    def load(self, saved: bytes) -> None:
        state = msgspec.msgpack.decode(saved, type=_Saved)
        self._track_id = np.frombuffer(state.track_id, np.int64).copy()
        self._log_p = np.frombuffer(state.log_p, np.float64).reshape(-1, N_CLASS).copy()
        self._spoken = np.frombuffer(state.spoken, np.bool_).reshape(-1, 2).copy()
