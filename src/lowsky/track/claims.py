"""Is it where it says? Claims of identities against what independent sensors see (docs/identity.md, decision 0150).

reports ─▶ claim ─────────▶ every look ─▶ score: is anybody there?      ─▶ judge ─▶ state, reason,
           by its own       of a sensor   offset: how far from there?     twice a    the name parts from
           words alone                    escort: who flies like it?      second     a track that is not it
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.constants import SECOND_NS
from lowsky.kernels.claims import look_at_claims, take_offsets
from lowsky.kernels.registration import N_ERROR
from lowsky.model.measurement import Floats, Ints, MeasurementBatch, MeasurementKind
from lowsky.model.track import IdentityState
from lowsky.track.apart import part, seen_within
from lowsky.track.associate import Outcome
from lowsky.track.claimed import Claimed
from lowsky.track.core import Core
from lowsky.track.registration import Registration
from lowsky.track.reports import Identities
from lowsky.track.rows import Rows, Station, TrackReject
from lowsky.track.sensor_errors import MEETINGS_LEAST

WIDE = np.array([10.0, 50.0, 0.35, 3.0])
"""What a true claim may be off by (1σ): level m (multipath), up m (a height above another datum), s of its clock; and
how it may accelerate unheard, m/s²."""
OWNED, OWNER_R, OWNER_HITS = 0.5, 0.9, 4
"""A row with this weight in a track that surely is there is that one's, and says nothing of others' claims."""
LEAPT = math.log(20.0)
"""Odds that the track a claim leaps away from, which sensors go on seeing, is its body: GNSS seldom leaps so far."""
FRESH_NS = 3 * SECOND_NS  # a claim older than this is compared with nothing
OFFSET_LASTS_S = 8.0
"""Offsets are averaged over so long: they change as an object stops to tell the truth."""
UNREGISTERED = 3.0
"""A sensor that nobody ever was compared with may be off by so many times what is expected of one."""
SCORE = (-12.0, 3.0, 4.0)
"""Bounds of the score, so that it can change its mind in some looks; and what one look says at most."""
SMALL_SHARE, SMALL_DB, SMALL_SIGMA_DB = 0.35, 5.0, 4.0
"""A small drone of 0.01 m² is seen up to this share of a radar's reach (radars of simulate/sensors.toml: 0.30 to 0.45);
so many dB are left there for the smallest, give or take so much (1σ)."""
TERRAIN_RAD = math.radians(1.0)
"""The ground and what stands on it hide half of what is at elevation 0, and e times less with each of these."""
NOTCH_MPS, SLOW_SEEN, SLOW_KNOWN, SLOW_LEAST = 2.5, 0.5, 10.0, 0.02
"""Slower along the line of sight than this, a radar may take it for ground: one in two does until so many looks at true
claims say how it is; that it never does nobody knows."""
HIDES_S, SMALL_COMES_S = 60.0, 5.0
"""Something comes between a sensor and an object every so often; what is too small is so again after this."""


class Claims:
    """All claims of a site, and the sensors that can check them. Deterministic; all of its state is in ``dump``."""

    def __init__(self, stations: list[Station]) -> None:
        self.stations = [s for s in stations if s.kind != MeasurementKind.REPORT]
        self._at = {s.sensor.id: k for k, s in enumerate(self.stations)}
        seeing = [s.index for s in stations if s.kind != MeasurementKind.REPORT or s.delivers_tracks]
        self.seeing = np.array(seeing, np.int64)
        self.claimed = Claimed(len(self.stations))
        self.t_judged_ns = 0
        self._correction = np.zeros((len(self.stations), N_ERROR))
        self.is_known = np.zeros(len(self.stations), np.bool_)  # how far is it off? known
        self.P_error = np.zeros((len(self.stations), N_ERROR, N_ERROR))
        self._slow = np.zeros((len(self.stations), 2))  # looks at slow claims that are true, and those that saw them
        self.reasons: dict[str, str] = {}  # why names are contradicted

    # -- what objects say --------------------------------------------------------------------------------------

    def take_reports(
        self, core: Core, known: Identities, station: Station, rows: Rows, batch: MeasurementBatch
    ) -> tuple[Rows, Ints, list[str]]:
        """Follow the claims of named reports. Returns the rows that are for the tracker, with the number of each one's
        name (−1: none) and the names: the second of two that use one name gets one of its own."""
        labels = batch.texts.get("identity")
        if labels is None:
            return rows, np.full(len(rows), -1, np.int64), []
        codes, names = labels.codes[rows.source].astype(np.int64), list(labels.names)
        who = np.flatnonzero((codes >= 0) & np.isfinite(rows.z[:, 0]))
        if not len(who):
            return rows, codes, names
        slot, chain, moved = self.claimed.hear(rows, batch, who, [names[c] for c in codes[who].tolist()])
        if not (chain.any() or moved.any()):
            return rows, codes, names
        keep = np.ones(len(rows), np.bool_)
        for k in np.flatnonzero((chain > 0) | (moved > 0)).tolist():
            name, s = names[codes[who[k]]], int(slot[k])
            if self.claimed.twin_ns[s] and chain[k]:
                codes[who[k]] = self._twin(rows, batch, int(who[k]), name, names)
            elif self._is_seen(core, known, name):
                if moved[k]:
                    c = self.claimed
                    claim = int(c.t_ns[s]), c.x[s].copy(), c.var[s].copy()
                    body = known.serial_of[name]
                    part(core, known, station, name, claim, self.seeing, None)
                    self._begin_anew(s)
                    c.escort[s], c.escort_sum[s], c.t_escort_ns[s] = body, LEAPT, core.now_ns
                    continue
                # one odd report, or the first of many: not yet reason to follow it away from what is seen
                keep[who[k]] = False
                core.reject(station, TrackReject.UNREACHABLE)
            if moved[k]:
                self._begin_anew(s)
        kept = np.flatnonzero(keep)
        return (rows, codes, names) if keep.all() else (rows.take(kept), codes[kept], names)

    def _twin(self, rows: Rows, batch: MeasurementBatch, row: int, name: str, names: list[str]) -> int:
        """The number of the name of a second object that calls itself ``name``; its claim is followed, too."""
        second = f"{name} (2)"
        if second not in names:
            names.append(second)
        self.claimed.hear(rows, batch, np.array([row]), [second])
        at = self.claimed.slot_of.get(second)
        if at is not None:
            first = self.claimed.slot_of[name]
            self.claimed.twin_ns[at] = self.claimed.twin_ns[first]
            self.claimed.other_x[at], self.claimed.other_t_ns[at] = self.claimed.x[first], self.claimed.t_ns[first]
        return names.index(second)

    def _is_seen(self, core: Core, known: Identities, name: str) -> bool:
        """Does a sensor feed the track that carries this name?"""
        serial = known.serial_of.get(name)
        if serial is None:
            return False
        row = np.array([core.table.facts[serial].row])
        return bool(seen_within(core, row, self.seeing, FRESH_NS)[0])

    def trusted(self, rows: Rows, codes: Ints, names: list[str]) -> Rows:
        """Rows that may teach what is wrong with sensors: not of claims that are contradicted."""
        bad = [k for k, name in enumerate(names) if self.state(name) == IdentityState.CONTRADICTED]
        return rows.take(np.flatnonzero(~np.isin(codes, bad))) if bad else rows

    def state(self, name: str) -> int:
        at = self.claimed.slot_of.get(name)
        return int(IdentityState.UNCONFIRMED if at is None else self.claimed.state[at])

    def _begin_anew(self, slot: int) -> None:
        """It is elsewhere now: what was measured of its offset says nothing of here."""
        c = self.claimed
        c.offset_info[slot], c.offset_y[slot], c.offset_n[slot] = 0.0, 0.0, 0.0
        c.escort[slot], c.escort_sum[slot], c.was_there[slot] = 0, 0.0, False
        np.minimum(c.score[slot], 0.0, out=c.score[slot])

    # -- what sensors see --------------------------------------------------------------------------------------

    def take_look(
        self, core: Core, known: Identities, station: Station, rows: Rows, outcome: Outcome, limits: Floats,
        t_look_ns: int, registration: Registration,
    ) -> None:  # fmt: skip
        """One look of a radar or bearing sensor, after it was associated."""
        if not self.claimed.slot_of:
            return
        c, s = self.claimed, self._at[station.sensor.id]
        self._know_errors(s, station, registration)
        slots, own = self._near(core, known, station, t_look_ns)
        if not len(slots):
            return
        owner = _owners(core, rows, outcome)
        ratio, within = np.empty(len(slots)), np.empty(len(slots))
        whole = limits if limits[1] >= 0.0 else station.limits
        look_at_claims(
            rows.kind, slots, t_look_ns, rows.z, rows.var, rows.t_ns, outcome.rho, owner, own, rows.origin[0],
            station.C[0], station.height[0], self.P_error[s], whole, WIDE, c.t_ns, c.x, c.var, ratio, within,
        )  # fmt: skip
        p_seen = station.p_detect * within
        if station.sensor.id in core.detection and core.detection[station.sensor.id].differs:
            p_seen *= core.detection[station.sensor.id].factors(c.x[slots, :3])
        counts_misses = limits[1] >= 0.0 and station.kind == MeasurementKind.RADAR
        first = c.t_look_ns[slots, s] == 0
        dt_s = np.where(first, 0.0, np.clip((t_look_ns - c.t_look_ns[slots, s]) * 1e-9, 0.0, 60.0))
        hides, is_slow = self._hides(s, station, slots)
        c.hidden[slots, s] = np.where(first, hides, c.hidden[slots, s])
        if counts_misses:
            asked = is_slow & (c.state[slots] == IdentityState.CONSISTENT) & (p_seen > 0.5 * station.p_detect)
            self._slow[s] += asked.sum(), (asked & (ratio > 1.0)).sum()
        else:
            p_seen = np.where(ratio > 1.0, p_seen, 0.0)
        self._score(s, slots, hides, ratio, p_seen, dt_s)
        c.t_look_ns[slots, s] = np.maximum(c.t_look_ns[slots, s], t_look_ns)
        self._offsets(core, s, station, slots, own, rows, outcome, dt_s)

    def _near(self, core: Core, known: Identities, station: Station, t_look_ns: int) -> tuple[Ints, Ints]:
        """Claims that are fresh and in the sensor's reach, and the table rows that carry them (−1: none)."""
        c = self.claimed
        names = list(c.slot_of)
        slots = np.fromiter(c.slot_of.values(), np.int64, len(names))
        is_near = np.abs(t_look_ns - c.t_ns[slots]) <= FRESH_NS
        is_near &= np.linalg.norm(c.x[slots, :3] - station.origin[0], axis=1) <= station.limits[1]
        rows = [self.row(core, known, names[k]) for k in np.flatnonzero(is_near).tolist()]
        return slots[is_near], np.array(rows, np.int64)

    @staticmethod
    def row(core: Core, known: Identities, name: str) -> int:
        serial = known.serial_of.get(name)
        return -1 if serial is None else core.table.facts[serial].row

    def _know_errors(self, s: int, station: Station, registration: Registration) -> None:
        """By how much the sensor may still be off, β ~ N(0, P), after what is taken off its rows."""
        errors, taken_off = registration.errors(station.sensor.id), registration.correction(station.sensor.id)
        if errors is None:
            return
        self.is_known[s] = errors.found and errors.meetings >= MEETINGS_LEAST and not errors.relative_to
        if self.is_known[s]:
            rest = np.zeros(N_ERROR) if errors.applied else errors.beta
            self.P_error[s] = errors.P + np.outer(rest, rest)
        else:
            self.P_error[s] = UNREGISTERED**2 * registration.P_expected
        if np.abs(taken_off - self._correction[s]).max() > 0.0:
            changed = taken_off - self._correction[s]
            if (np.abs(changed) > 0.2 * np.sqrt(np.diag(registration.P_expected))).any():
                self.claimed.offset_info[:, s], self.claimed.offset_y[:, s], self.claimed.offset_n[:, s] = 0.0, 0.0, 0.0
            self._correction[s] = taken_off

    def _score(self, s: int, slots: Ints, hides: Floats, ratio: Floats, p_seen: Floats, dt_s: Floats) -> None:
        """ln of P(look | it is there) over P(look | nobody is there), with the chance h that it is hidden followed::

        P(look | there) / P(look | nobody) = (1 − h)(1 − P_D + P_D Σ N/ρ) + h
        """
        c, dt_s = self.claimed, np.minimum(dt_s, 10.0)
        comes = np.clip(dt_s / HIDES_S + hides * dt_s / SMALL_COMES_S, 0.0, 0.5)
        h = c.hidden[slots, s]
        h = np.maximum(h + comes * (1.0 - h), np.where(hides >= 0.5, hides, 0.0))
        there = (1.0 - h) * (1.0 - p_seen + p_seen * ratio)
        total = np.maximum(there + h, 1e-300)
        c.hidden[slots, s] = h / total
        says, is_seen = np.minimum(np.log(total), SCORE[2]), ratio * p_seen > 1.0
        c.score[slots, s] = np.clip(c.score[slots, s] + says, SCORE[0], SCORE[1])
        c.unseen[slots, s] = np.where(is_seen, 0.0, np.clip(c.unseen[slots, s] - says, 0.0, -SCORE[0]))
        c.misses[slots, s] = np.where(is_seen, 0, c.misses[slots, s] + (p_seen > 0.1))

    def _hides(self, s: int, station: Station, slots: Ints) -> tuple[Floats, NDArray[np.bool_]]:
        """Probability that a radar cannot see a true claim, however often it looks: too small, hidden, or too slow, as
        is learnt from those that are consistent. And who is slow."""
        x = self.claimed.x[slots]
        d = (x[:, :3] - station.origin[0]) @ station.C[0].T
        r = np.maximum(np.linalg.norm(d, axis=1), 1.0)
        margin_db = 40.0 * np.log10(SMALL_SHARE * station.limits[1] / r) + SMALL_DB
        small = 1.0 / (1.0 + np.exp(np.clip(1.702 * margin_db / SMALL_SIGMA_DB, -50.0, 50.0)))
        small = np.where(np.isfinite(margin_db), small, 0.0)
        elevation = np.arcsin(np.clip(d[:, 2] / r, -1.0, 1.0))
        terrain = 0.5 * np.exp(-np.maximum(elevation, 0.0) / TERRAIN_RAD)
        u = x[:, 3:] @ station.C[0].T
        is_slow = np.abs((d * u).sum(axis=1) / r) < NOTCH_MPS
        p, (chances, seen) = station.p_detect, self._slow[s]
        blind = 1.0 - (seen + SLOW_KNOWN * p * SLOW_SEEN) / (p * (chances + SLOW_KNOWN))
        slow = np.where(is_slow, np.clip(blind, SLOW_LEAST, 1.0 - SLOW_SEEN), 0.0)
        return np.maximum(np.maximum(np.maximum(small, terrain), slow), 1e-6), np.asarray(is_slow)

    def _offsets(
        self, core: Core, s: int, station: Station, slots: Ints, own: Ints, rows: Rows, outcome: Outcome, dt_s: Floats
    ) -> None:
        """Rows of the tracks that carry claims tell how far these are off."""
        c = self.claimed
        keep = np.exp(-dt_s / OFFSET_LASTS_S)
        c.offset_info[slots, s] *= keep[:, None, None]
        c.offset_y[slots, s] *= keep[:, None]
        c.offset_n[slots, s] *= keep
        at = np.full(core.table.n, -1, np.int64)
        at[own[own >= 0]] = slots[own >= 0]
        use = np.flatnonzero((outcome.p_edge >= 0.3) & (at[outcome.track] >= 0)) if len(outcome.track) else slots[:0]
        if not len(use):
            return
        J, y, n = (np.ascontiguousarray(a[:, s]) for a in (c.offset_info, c.offset_y, c.offset_n))
        take_offsets(
            rows.kind, at[outcome.track[use]], outcome.row[use], outcome.p_edge[use], rows.z, rows.var, rows.t_ns,
            rows.origin[0], station.C[0], station.height[0], WIDE, c.t_ns, c.x, c.var, J, y, n,
        )  # fmt: skip
        c.offset_info[:, s], c.offset_y[:, s], c.offset_n[:, s] = J, y, n

    # -- keeping -----------------------------------------------------------------------------------------------

    def dump(self) -> list[Any]:
        arrays = [a.tobytes() for a in (self._correction, self.is_known, self.P_error, self._slow)]
        return [self.t_judged_ns, arrays, self.claimed.dump(), list(self.reasons.items())]

    def load(self, saved: list[Any]) -> None:
        self.t_judged_ns = saved[0]
        for own, data in zip((self._correction, self.is_known, self.P_error, self._slow), saved[1], strict=True):
            own[...] = np.frombuffer(data, own.dtype).reshape(own.shape)
        self.claimed.load(saved[2])
        self.reasons = dict(saved[3])


def _owners(core: Core, rows: Rows, outcome: Outcome) -> Ints:
    """int64[N]: the track that surely made a row, and that is there without it; −1: none."""
    table, is_sure = core.table, outcome.p_edge >= OWNED
    owner = np.full(len(rows), -1, np.int64)
    owner[outcome.row[is_sure]] = outcome.track[is_sure]
    has = np.flatnonzero(owner >= 0)
    track = owner[has]
    known = table.has_identity[track] | ((table.r[track] >= OWNER_R) & (table.hits[track] >= OWNER_HITS))
    owner[has[~known]] = -1
    return owner
