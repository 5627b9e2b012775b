"""Class probabilities of every track: what is known of its motion, echo and words, weighed by the table of profiles.

    measurements, states ─▶ sums of each track ─▶ ln-likelihoods by kind ─▶ bounded ─▶ + prior ─▶ P(class)
                            motion strength words  motion drift height …

What a track keeps are sums, so that evidence is of all that was seen of it at once: docs/classify.md.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lowsky.classify import height, motion, strength, wind, words
from lowsky.classify.columns import Columns
from lowsky.classify.evidence import IMPOSSIBLE, N_CLASS, N_KIND, bounded, chi2_4_tail, for_drones, posterior
from lowsky.classify.mixtures import RCS
from lowsky.classify.priors import Priors
from lowsky.classify.why import Why, explain
from lowsky.classify.wind import Winds
from lowsky.constants import SECOND_NS
from lowsky.model.classes import BY_LABEL, ObjectClass
from lowsky.model.evidence import EvidenceKind
from lowsky.model.measurement import Floats, Ints, MeasurementBatch
from lowsky.model.site import Site
from lowsky.model.track import Moving

SAVED_VERSION = 2
FORGETS_PER_S = 1e-3
"""What words and manoeuvres have said fades so fast towards the prior (science.md 4.4, δ): the class can recover."""
STATE_EVERY_S = 0.24
"""States closer in time than this are the same state."""
SETTLED_S = 20.0
"""A track watched for so long counts for the priors."""
ATYPICAL = 0.01
"""Least p-value of an object's motion and echo in its most probable class: below it the class is not believed."""
ATYPICAL_UNKNOWN = 0.5
"""… so that this share of its probability goes to UNKNOWN, and less where words say that it is of the class: an emitter
of a drone's protocol that flies oddly is an odd drone, or was badly seen."""
SURE_BALLOON = 0.9
"""Probability without the evidence of drift from which a balloon tells the wind."""


class _Saved(msgspec.Struct):
    version: int
    columns: dict[str, bytes]
    counts: bytes
    wind: bytes
    wind_t_ns: int


class Classifier:
    """Keeps what is known of each track id. Deterministic; ``dump``, ``load`` and ``copy`` are exact."""

    name = "classify"

    def __init__(self, site: Site | None = None) -> None:
        self._site = site
        self._tells = {s.id: words.of_sensor(s) for s in site.sensors} if site else {}
        self._radars = frozenset(s.id for s in site.sensors if s.kind == "radar") if site else frozenset()
        self._known = Columns()
        self._priors = Priors()
        self._winds = Winds(site.wind if site else None)

    def step(
        self, batch: MeasurementBatch, track_id: Ints, rows: NDArray[Any], weight: Floats, moving: Moving | None = None
    ) -> None:
        """Take what ``batch`` says of the tracks its rows were associated to, and what these now do.

        ``track_id`` int64[K], ``rows`` intp[K] of the batch and ``weight`` float64[K] (probability that the row is
        of the track) belong together; ``moving`` are states of any of these tracks.
        """
        if not len(track_id):
            return
        t_ns = int(batch.t_meas_ns[rows].max())
        ids = np.unique(track_id)
        prior = np.log(np.maximum(self._priors.at(t_ns), np.exp(IMPOSSIBLE)))
        self._known.add(
            ids, t_born_ns=t_ns, t_ns=t_ns, log_prior=prior, log_p=prior, height=(0.0, 1e12),
            typical=1.0, odd=0.0,
        )  # fmt: skip
        known, (at, _) = self._known, self._known.rows_of(ids)
        fade = np.exp(-FORGETS_PER_S * 1e-9 * np.maximum(t_ns - known.t_ns[at], 0))
        known.words[at] *= fade[:, None, None]
        known.style[at] *= fade[:, None]
        known.t_ns[at] = np.maximum(known.t_ns[at], t_ns)
        where, _ = known.rows_of(track_id)
        told = self._take_words(batch, where, rows, weight, t_ns)
        told |= self._take_echoes(batch, where, rows, weight, t_ns)
        moved = self._take_states(moving) if moving is not None else np.empty(0, np.int64)
        touched = at if told else moved
        if len(touched):
            self._judge(touched)
            self._learn(touched, t_ns)

    def _take_words(self, batch: MeasurementBatch, where: Ints, rows: NDArray[Any], weight: Floats, t_ns: int) -> bool:
        labels, known = batch.texts.get("class"), self._known
        if labels is None or batch.sensor not in self._tells:
            return False
        kind, likelihood = self._tells[batch.sensor]
        word_of = np.array([BY_LABEL.get(name, ObjectClass.UNKNOWN) for name in labels.names] + [-1], np.intp)
        word = word_of[labels.codes[rows]]  # code -1 picks the last: no word
        said = np.flatnonzero((word >= 0) & (weight >= words.HEARD_FROM))
        if not len(said):
            return False
        said = said[words.one_each(where[said], weight[said])]
        at, k = where[said], words.KINDS.index(kind)
        gap_s = _gap_s(t_ns, known.t_word_ns[at, k])
        known.words[at, k] += words.rows(likelihood, word[said], weight[said], gap_s, kind)
        known.t_word_ns[at, k] = t_ns
        return True

    def _take_echoes(self, batch: MeasurementBatch, where: Ints, rows: NDArray[Any], weight: Floats, t_ns: int) -> bool:
        echo, known = batch.attributes.get("rcs_dbsm"), self._known
        if echo is None or batch.sensor not in self._radars:
            return False
        given = np.flatnonzero(np.isfinite(echo[rows]) & (weight >= words.HEARD_FROM))
        if not len(given):
            return False
        given = given[words.one_each(where[given], weight[given])]
        at, row = where[given], rows[given]
        snr = batch.attributes.get("snr_db")
        gap_s = _gap_s(t_ns, known.t_plot_ns[at])
        more = strength.plot_rows(
            echo[row], np.full(len(row), np.nan) if snr is None else snr[row], gap_s, weight[given]
        )
        known.strength[at] = known.strength[at] * strength.fade(gap_s)[:, None] + more
        known.t_plot_ns[at] = t_ns
        return True

    def _take_states(self, moving: Moving) -> Ints:
        """Take states that are newer than those had; the rows of their tracks."""
        known, (at, there) = self._known, self._known.rows_of(moving.track_id)
        gap_s = np.where(there, _gap_s(moving.t_ns, known.t_state_ns[at]), 0.0)
        use = np.flatnonzero((gap_s < 0.0) | (gap_s >= STATE_EVERY_S))
        if not len(use):
            return np.empty(0, np.int64)
        at, gap_s, x, P = at[use], gap_s[use], moving.x[use], moving.P[use]
        sums, speeds = known.motion[at], known.speeds[at]
        motion.add_up(sums, speeds, gap_s, x, P, self._winds.at(x[:, 2]))
        known.motion[at], known.speeds[at] = sums, speeds
        known.height[at] = np.column_stack(height.above_ground(x, P))
        styles = motion.style_rows(moving.styles[use], moving.usual, gap_s)
        known.style[at] += np.where(moving.reports[use][:, None], 0.0, styles)
        known.t_state_ns[at] = moving.t_ns[use]
        return at

    def evidence(self, at: Ints) -> Floats:
        """Bounded ln-likelihoods by kind of some rows, float64[K, N_KIND, N_CLASS]."""
        known = self._known
        out = np.zeros((len(at), N_KIND, N_CLASS))
        has = known.motion[at, motion.LASTS] > 0.0
        if has.any():
            rows, height_now = at[has], known.height[at[has]]
            out[has, EvidenceKind.MOTION] = motion.rows(known.motion[rows], known.speeds[rows], known.style[rows])
            out[has, EvidenceKind.DRIFT] = wind.rows(known.motion[rows], known.speeds[rows])
            out[has, EvidenceKind.HEIGHT] = height.rows(height_now[:, 0], height_now[:, 1])
        has = known.t_plot_ns[at] > 0
        if has.any():
            out[has, EvidenceKind.STRENGTH] = strength.rows(known.strength[at[has]])
        for k, kind in enumerate(words.KINDS):
            out[:, kind] = known.words[at, k]
        return bounded(out, self._priors.base)

    def _judge(self, at: Ints) -> None:
        known, evidence = self._known, self.evidence(at)
        log_p = posterior(known.log_prior[at], evidence)
        known.log_p[at], known.for_drones[at] = log_p, for_drones(log_p, evidence)
        self._learn_wind(at, posterior(known.log_prior[at], np.delete(evidence, EvidenceKind.DRIFT, axis=1)))
        best = log_p.argmax(axis=1)
        away = np.zeros(len(at))
        has = known.motion[at, motion.LASTS] > 0.0
        away[has] = motion.deviance(known.motion[at[has]], best[has])
        has = known.t_plot_ns[at] > 0
        mean, sigma = strength.mean_of(known.strength[at[has]])
        away[has] += RCS.deviance(mean, sigma**2 + strength.UNCALIBRATED_DB**2, best[has])
        known.typical[at] = chi2_4_tail(away)
        words_of = evidence[:, list(words.KINDS)].sum(axis=1)
        against = words_of[:, ObjectClass.UNKNOWN] - words_of[np.arange(len(at)), best]
        odd = ATYPICAL_UNKNOWN * np.exp(np.minimum(against, 0.0))
        known.odd[at] = np.where(known.typical[at] < ATYPICAL, odd / (1.0 - ATYPICAL_UNKNOWN + odd), 0.0)

    def _learn(self, at: Ints, t_ns: int) -> None:
        """Tracks that were watched long enough tell the priors, once each."""
        known = self._known
        settled = at[~known.is_counted[at] & (known.t_ns[at] - known.t_born_ns[at] >= SETTLED_S * SECOND_NS)]
        if len(settled):
            self._priors.count(t_ns, np.exp(known.log_p[settled]))
            known.is_counted[settled] = True

    def _learn_wind(self, at: Ints, log_p: Floats) -> None:
        """Balloons that are known for such without the wind tell it."""
        sure = np.exp(log_p[:, ObjectClass.BALLOON]) >= SURE_BALLOON
        if not sure.any():
            return
        known, who = self._known, at[sure]
        sums = known.motion[who]
        lasts = sums[:, motion.LASTS]
        velocity = sums[:, [motion.EAST, motion.NORTH]] / np.maximum(lasts, 1e-9)[:, None]
        worth = np.where(lasts > wind.LEAST_S, 1.0, 0.0)
        self._winds.learn(int(known.t_ns[who].max()), known.height[who, 0], velocity, worth)

    def forget(self, dropped: list[int]) -> None:
        """Drop the evidence of tracks that are no more."""
        if dropped:
            self._known.remove(dropped)

    def probabilities(self, track_id: Ints) -> Floats:
        """float64[len(track_id), N_CLASS]; tracks nothing was said of have UNKNOWN = 1, and those that are not like
        their most probable class half of it, where nobody says that they are."""
        p = np.zeros((len(track_id), N_CLASS))
        p[:, ObjectClass.UNKNOWN] = 1.0
        at, there = self._known.rows_of(track_id)
        if there.any():
            own = np.exp(self._known.log_p[at[there]])
            odd = self._known.odd[at[there]]
            own *= (1.0 - odd)[:, None]
            own[:, ObjectClass.UNKNOWN] += odd
            p[there] = own / own.sum(axis=1, keepdims=True)
        return p

    def drone_evidence(self, track_id: Ints) -> Floats:
        """Decibans by kind for "a drone", float64[len(track_id), N_KIND]; 0 where nothing is known."""
        at, there = self._known.rows_of(track_id)
        out = np.zeros((len(track_id), N_KIND))
        out[there] = self._known.for_drones[at[there]]
        return out

    def why(self, track_id: int) -> Why | None:
        """All that speaks for and against what a track is taken for; None where nothing is known of it."""
        at, there = self._known.rows_of(np.array([track_id], np.int64))
        if not there[0]:
            return None
        return explain(self._known.log_prior[at[0]], self.evidence(at)[0], float(self._known.typical[at[0]]))

    def copy(self) -> "Classifier":
        """Another in the same state."""
        twin = Classifier.__new__(Classifier)
        twin._site, twin._tells, twin._radars = self._site, self._tells, self._radars
        twin._known = self._known.copy()
        twin._priors = Priors(self._priors.base, self._priors.counts.copy())
        twin._winds = Winds(self._winds.told, self._winds.sums.copy(), self._winds.t_ns)
        return twin

    def dump(self) -> bytes:
        winds = self._winds
        saved = _Saved(
            SAVED_VERSION, self._known.dump(), self._priors.counts.tobytes(), winds.sums.tobytes(), winds.t_ns
        )
        return msgspec.msgpack.encode(saved)

    def load(self, saved: bytes) -> None:
        """Take over what ``dump`` wrote, for the same site. Raises ``ValueError`` where it is another version's."""
        state = msgspec.msgpack.decode(saved, type=_Saved)
        if state.version != SAVED_VERSION:
            raise ValueError(f"saved classifier has version {state.version}, this one reads {SAVED_VERSION}")
        self._known.load(state.columns)
        self._priors.counts = np.frombuffer(state.counts, np.float64).reshape(24, N_CLASS).copy()
        self._winds.sums = np.frombuffer(state.wind, np.float64).reshape(-1, 3).copy()
        self._winds.t_ns = state.wind_t_ns


def _gap_s(now_ns: Any, then_ns: Ints) -> Floats:
    """Seconds since then; −1 where there was nothing before (then 0)."""
    return np.where(then_ns > 0, np.maximum(now_ns - then_ns, 0) * 1e-9, -1.0)
