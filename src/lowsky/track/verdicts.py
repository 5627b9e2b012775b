"""Twice a second: is each claim consistent with what sensors saw, contradicted by it, or neither? With the reason."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.constants import SECOND_NS
from lowsky.kernels.claims import find_escorts, log_evidence
from lowsky.kernels.registration import AZIMUTH, EAST, ELEVATION, N_ERROR, NORTH, RANGE, TIME
from lowsky.model.events import ClaimConsistent, ClaimContradicted
from lowsky.model.measurement import Floats, Ints, MeasurementKind
from lowsky.model.track import IdentityState
from lowsky.track import claim_words as words
from lowsky.track.apart import part, seen_within
from lowsky.track.claims import FRESH_NS, WIDE, Claims
from lowsky.track.core import Core
from lowsky.track.reports import Identities
from lowsky.track.rows import Station

CONTRADICTS = math.log(2000.0)
"""Odds against a claim from which it is contradicted: of honest ones that look so, one in 2,000 would be, too."""
CONSISTENT, WEAK = math.log(20.0), math.log(3.0)
EVERY_NS = SECOND_NS // 2
UNTRUE = np.diag(np.array([250.0, 250.0, 150.0]) ** 2)
"""Where an untrue claim's object is from there, m² (assumed: by hundreds of metres; farther ones are found, too)."""
OFFSET_ROWS = 2.5
"""Rows (faded) of its own track that tell how far a claim is off."""
OFFSET_BOUNDS = (-8.0, 30.0)
ESCORT_LAW = np.array([250.0, 2000.0, 1.5, 0.3, 2.0, 15.0, 150.0, 300.0])
"""See ``find_escorts``: m, m, m/s, share, m/s, m/s, m, m (assumed)."""
ESCORT_SHARE = 0.9
"""Of objects that lie about their place, and are seen at all, a track stands for so many when it is asked for."""
ESCORT_LASTS_S, ESCORT_BOUNDS, ESCORT_SUM = 8.0, (-8.0, 9.0), (-6.0, 6.0)
"""Velocities that agree say something new every so often; what they say is bounded, at once and all together."""
ESCORT_MISSES, ESCORT_STEADY = 2, 4.5
"""So many looks in a row did not see it; and of one seen there before, another flew like it for a dozen seconds."""
ESCORT_R, ESCORT_HITS, ESCORT_AGE_NS, HERE_LEAST = 0.8, 3, 2 * SECOND_NS, 3.0
SHARP_M = 45.0
"""Only a comparison that is as good (1σ) can tell an object that is 100 m off, and so confirm one that is not."""
CONSISTENT_LASTS_NS, CONTRADICTED_LASTS_NS, RETURNS_NS = 60 * SECOND_NS, 60 * SECOND_NS, 5 * SECOND_NS
TWIN_NS, REPEAT_NS = 30 * SECOND_NS, 60 * SECOND_NS
SAYS_AGAIN_NS = 10 * SECOND_NS
LOST_NS = 5 * SECOND_NS
NONE = np.empty(0, np.int64)


@dataclass(slots=True)
class Evidence:
    """Of C claims, natural logarithms of odds; what the reasons are told from."""

    slots: Ints
    rows: Ints  # table rows that carry them, −1: none
    lie: Floats
    nobody: Floats  # against "it is there": nobody is
    offset: Floats  # … : its own track is elsewhere; NaN: no rows of it
    escort: Floats  # … : another track is its body
    best: Ints  # that track's row, −1: none
    sensor: Ints  # number of the station that tells most of each, −1: none
    d: Floats  # float64[C, 3] from where it says to where that sensor sees it
    sigma: Floats  # of d and of what else may be off, level, 1σ, m
    is_sharp: NDArray[np.bool_]
    seen_there: NDArray[np.bool_]  # by one sensor at least, whatever others say


def judge_claims(core: Core, known: Identities, claims: Claims) -> None:
    """States of all claims into the table; events and reasons of those that change."""
    c = claims.claimed
    if not c.slot_of or core.now_ns < claims.t_judged_ns + EVERY_NS:
        return
    claims.t_judged_ns = core.now_ns
    for name in c.forget(core.now_ns):
        known.apart.discard(name)
        claims.reasons.pop(name, None)
    names = list(c.slot_of)
    slots = np.fromiter(c.slot_of.values(), np.int64, len(names))
    rows = np.array([claims.row(core, known, name) for name in names], np.int64)
    heard = core.now_ns - c.t_ns[slots] <= LOST_NS
    evidence = weigh(core, claims, slots[heard], rows[heard])
    live = [name for name, is_heard in zip(names, heard.tolist(), strict=True) if is_heard]
    for k, name in enumerate(live):
        state, is_place = _next(c.state[evidence.slots[k]], core.now_ns, claims, evidence, k)
        _settle(core, known, claims, evidence, k, name, state, is_place)
    carried = rows >= 0
    core.table.identity_state[rows[carried]] = np.maximum(c.state[slots[carried]], IdentityState.UNCONFIRMED)
    core.table.apart[rows[carried]] = c.apart[slots[carried]]


def weigh(core: Core, claims: Claims, slots: Ints, rows: Ints) -> Evidence:
    """All evidence of these claims, as it stands now."""
    c, n = claims.claimed, len(slots)
    out = Evidence(
        slots, rows, np.zeros(n), -c.score[slots].sum(axis=1), np.full(n, np.nan), np.full(n, -np.inf), np.full(n, -1),
        np.full(n, -1), np.zeros((n, 3)), np.full(n, np.inf), np.zeros(n, np.bool_), np.zeros(n, np.bool_),
    )  # fmt: skip
    own = claim_spread(c.x[slots], c.var[slots])
    true, looked = np.repeat((np.eye(3) * 1e12)[None], n, axis=0), np.full(n, -1)
    most = np.full(n, -np.inf)
    for s, station in enumerate(claims.stations):
        recent = np.abs(core.now_ns - c.t_look_ns[slots, s]) <= FRESH_NS
        if not recent.any():
            continue
        T = own + sensor_spread(station, claims.P_error[s], c.x[slots])
        finer = recent & (np.trace(T[:, :2, :2], axis1=1, axis2=2) < np.trace(true[:, :2, :2], axis1=1, axis2=2))
        true[finer], looked[finer] = T[finer], s
        has = np.flatnonzero(recent & (c.offset_n[slots, s] >= OFFSET_ROWS))
        if len(has):
            _of_offsets(c.offset_info[slots[has], s], c.offset_y[slots[has], s], T[has], s, has, out, most)
    out.sensor = np.where(out.sensor >= 0, out.sensor, looked)
    alone = np.flatnonzero(np.isnan(out.offset) & (looked >= 0))
    if len(alone):
        _of_escorts(core, claims, alone, true[alone], out)
    # who was seen there before may have begun to lie since
    by_escort = np.maximum(out.escort, ESCORT_BOUNDS[0]) + np.maximum(
        c.unseen[slots].sum(axis=1), -c.score[slots].sum(axis=1)
    )
    elsewhere = np.where(np.isnan(out.offset), by_escort, out.offset)
    lie = np.logaddexp(out.nobody, elsewhere) - math.log(2.0)
    out.lie = np.where(out.seen_there, np.minimum(lie, 0.0), lie)
    for s in range(len(claims.stations)):
        told = out.sensor == s
        against, favours = told & (out.lie >= 0.5 * CONTRADICTS), told & (out.lie <= -WEAK)
        if against.sum() > max(favours.sum(), 1):  # who contradicts most of them is wrong himself
            out.lie[against] = np.minimum(out.lie[against], 0.0)
    return out


def claim_spread(x: Floats, var: Floats) -> Floats:
    """Covariance float64[C, 3, 3] of what a true claim's place may be off by for long: GNSS, datum, its clock."""
    out = np.zeros((len(x), 3, 3))
    level = np.maximum(var[:, 0], WIDE[0] ** 2)
    out[:, 0, 0], out[:, 1, 1], out[:, 2, 2] = level, level, np.maximum(var[:, 1], WIDE[1] ** 2)
    return np.asarray(out + WIDE[2] ** 2 * x[:, 3:, None] * x[:, None, 3:])


def sensor_spread(station: Station, P_error: Floats, x: Floats) -> Floats:
    """The same of where a sensor sees objects at x float64[C, 6]: B P Bᵀ with B = ∂p/∂β, float64[C, 3, 3]."""
    d = (x[:, :3] - station.origin[0]) @ station.C[0].T
    rho, r = np.maximum(np.hypot(d[:, 0], d[:, 1]), 1.0), np.maximum(np.linalg.norm(d, axis=1), 1.0)
    B, none = np.zeros((len(x), 3, N_ERROR)), np.zeros(len(x))
    if station.kind == MeasurementKind.RADAR:
        B[:, :, RANGE] = d / r[:, None]
    B[:, :, AZIMUTH] = np.column_stack((d[:, 1], -d[:, 0], none))
    B[:, :, ELEVATION] = np.column_stack((-d[:, 0] * d[:, 2] / rho, -d[:, 1] * d[:, 2] / rho, rho))
    B = np.einsum("ab,kac->kbc", station.C[0], B)
    B[:, :, TIME], B[:, 0, EAST], B[:, 1, NORTH] = -x[:, 3:], 1.0, 1.0
    return np.asarray(B @ P_error @ B.transpose(0, 2, 1))


def _of_offsets(J: Floats, y: Floats, T: Floats, s: int, at: Ints, out: Evidence, most: Floats) -> None:
    """What the rows of one sensor say of how far the claims ``at`` are off."""
    untrue = np.repeat(UNTRUE[None], len(at), axis=0)
    J, y = np.ascontiguousarray(J), np.ascontiguousarray(y)
    says = np.clip(log_evidence(J, y, untrue) - log_evidence(J, y, np.ascontiguousarray(T)), *OFFSET_BOUNDS)
    out.offset[at] = np.where(np.isnan(out.offset[at]), says, out.offset[at] + says)
    out.seen_there[at] |= says <= -CONSISTENT
    P = np.linalg.inv(J + np.linalg.inv(UNTRUE))
    sigma = np.sqrt(np.linalg.eigvalsh((P + T)[:, :2, :2])[:, 1])
    out.is_sharp[at] |= (sigma < SHARP_M) & (says <= 0.0)
    better = np.abs(says) > most[at]
    k = at[better]
    most[k], out.sensor[k], out.sigma[k] = np.abs(says)[better], s, sigma[better]
    out.d[k] = np.einsum("kab,kb->ka", P, y)[better]


def _of_escorts(core: Core, claims: Claims, at: Ints, true: Floats, out: Evidence) -> None:
    """Claims that no sensor's rows belong to: does a nameless track fly there, or beside them, as they do?"""
    c, table, n = claims.claimed, core.table, core.table.n
    slots = out.slots[at]
    could = (table.track_id[:n] > 0) & ~table.has_identity[:n] & (table.r[:n] >= ESCORT_R)
    tracks = np.flatnonzero(could & (table.hits[:n] >= ESCORT_HITS))
    tracks = tracks[seen_within(core, tracks, claims.seeing, ESCORT_AGE_NS)]
    elsewhere, here, alike = np.empty(len(at)), np.empty(len(at)), np.empty(len(at))
    best = np.empty(len(at), np.int64)
    find_escorts(
        slots, core.now_ns, c.t_ns, c.x, c.var, WIDE, np.ascontiguousarray(true), ESCORT_LAW, tracks,
        table.t_ns, table.xm, table.Pm, elsewhere, here, best, alike,
    )  # fmt: skip
    none = 1.0 - ESCORT_SHARE
    says = np.log((none + ESCORT_SHARE * elsewhere) / (none + ESCORT_SHARE * here))
    serial = np.where(best >= 0, table.serial[best], 0)
    dt_s = np.clip((core.now_ns - c.t_escort_ns[slots]) * 1e-9, 0.0, 1.0)
    same = (serial > 0) & (serial == c.escort[slots])
    c.escort_sum[slots] = np.where(same, np.clip(c.escort_sum[slots] + alike * dt_s / ESCORT_LASTS_S, *ESCORT_SUM), 0.0)
    c.escort[slots], c.t_escort_ns[slots] = serial, core.now_ns
    beside = elsewhere > here
    says = np.clip(says, *ESCORT_BOUNDS) + np.where(beside, c.escort_sum[slots], 0.0)
    # one look that did not see it does not yet make another its body; nor, of who was seen there, a bird that passes
    asked = c.misses[slots].max(axis=1) >= ESCORT_MISSES
    asked &= ~c.was_there[slots] | (c.escort_sum[slots] >= ESCORT_STEADY)
    out.escort[at] = np.where(asked, says, np.minimum(says, 0.0))
    out.best[at] = best
    out.nobody[at] -= np.clip(np.log(none + ESCORT_SHARE * here), 0.0, ESCORT_BOUNDS[1])
    k = at[best >= 0]
    out.d[k] = table.xm[best[best >= 0], :3] - c.x[out.slots[k], :3]
    out.sigma[at] = np.sqrt(np.linalg.eigvalsh(true[:, :2, :2])[:, 1])
    out.is_sharp[at] = (out.sigma[at] < SHARP_M) & (here >= HERE_LEAST)


def _next(state: int, now_ns: int, claims: Claims, evidence: Evidence, k: int) -> tuple[int, bool]:
    """The state a claim goes to, and whether that is because of its place."""
    c, slot, lie = claims.claimed, int(evidence.slots[k]), float(evidence.lie[k])
    if c.twin_ns[slot] and now_ns - c.twin_ns[slot] > TWIN_NS:
        c.twin_ns[slot] = 0
    if c.twin_ns[slot] or (c.repeat_ns[slot] and now_ns - c.repeat_ns[slot] <= REPEAT_NS):
        return IdentityState.CONTRADICTED, bool(c.apart[slot] or lie >= CONTRADICTS)
    if lie >= CONTRADICTS:
        c.t_other_ns[slot] = 0
        return IdentityState.CONTRADICTED, True
    good = lie <= -CONSISTENT and bool(evidence.is_sharp[k])
    if state == IdentityState.CONTRADICTED:
        if not c.apart[slot]:
            return IdentityState.UNCONFIRMED, False  # two names, or a recording, that are no more
        weak_ns = _since(c.t_other_ns, slot, lie < 0.5 * CONTRADICTS, now_ns)
        if good and weak_ns >= RETURNS_NS:
            return IdentityState.CONSISTENT, False
        return (IdentityState.UNCONFIRMED, False) if weak_ns >= CONTRADICTED_LASTS_NS else (state, True)
    if good:
        c.t_other_ns[slot] = 0
        return IdentityState.CONSISTENT, False
    if state == IdentityState.CONSISTENT:
        weak_ns = _since(c.t_other_ns, slot, lie > -WEAK, now_ns)
        return (IdentityState.UNCONFIRMED if weak_ns >= CONSISTENT_LASTS_NS else state), False
    return IdentityState.UNCONFIRMED, False


def _since(t_ns: Ints, slot: int, is_so: bool, now_ns: int) -> int:
    """For how long something has been so, ns; −1 where it is not."""
    if not is_so:
        t_ns[slot] = 0
        return -1
    if t_ns[slot] == 0:
        t_ns[slot] = now_ns
    return now_ns - int(t_ns[slot])


def _settle(
    core: Core, known: Identities, claims: Claims, evidence: Evidence, k: int, name: str, state: int, is_place: bool
) -> None:
    """Write down a state: event, reason, and whose track the name is on."""
    c, slot, row = claims.claimed, int(evidence.slots[k]), int(evidence.rows[k])
    changes = state != c.state[slot]
    if changes:
        c.state[slot], c.t_other_ns[slot], c.t_said_ns[slot] = state, 0, 0
        c.was_there[slot] = state == IdentityState.CONSISTENT or (
            state == IdentityState.UNCONFIRMED and c.was_there[slot]
        )
    reason = _reason(core, claims, evidence, k, state)
    if state == IdentityState.CONTRADICTED:
        if reason is not None and (not is_place or evidence.lie[k] >= CONTRADICTS):
            claims.reasons[name] = reason
        reason = claims.reasons.get(name)
    else:
        claims.reasons.pop(name, None)
    if row < 0:
        return
    if is_place and not c.apart[slot]:
        if seen_within(core, np.array([row]), claims.seeing, FRESH_NS)[0]:
            row = _part(core, known, claims, evidence, k, name)
            evidence.rows[k] = row
        c.apart[slot] = True
        known.apart.add(name)
    elif not is_place and c.apart[slot]:
        c.apart[slot] = False
        known.apart.discard(name)
    table = core.table
    table.identity_state[row], table.apart[row] = state, c.apart[slot]
    if changes:
        table.identity_since_ns[row] = core.now_ns
        kind = {IdentityState.CONSISTENT: ClaimConsistent, IdentityState.CONTRADICTED: ClaimContradicted}.get(state)
        if kind is not None and table.track_id[row] > 0:
            core.emit(kind, reason or "", track_id=int(table.track_id[row]), identity=name)
    if core.now_ns - c.t_said_ns[slot] >= SAYS_AGAIN_NS:
        c.t_said_ns[slot] = core.now_ns
        _say(core, row, reason)


def _say(core: Core, row: int, reason: str | None) -> None:
    texts = core.table.facts_of(row).texts
    if texts.get("identity_reason") == reason:
        return
    if reason is None:
        del texts["identity_reason"]
    else:
        texts["identity_reason"] = reason
    core.text_version += 1


def _part(core: Core, known: Identities, claims: Claims, evidence: Evidence, k: int, name: str) -> int:
    """The track that sensors feed goes on without a name, where they see it."""
    c, slot = claims.claimed, int(evidence.slots[k])
    J, y = c.offset_info[slot].sum(axis=0), c.offset_y[slot].sum(axis=0)
    P = np.linalg.inv(J + np.linalg.inv(UNTRUE))
    offset = None
    if c.offset_n[slot].max(initial=0.0) >= OFFSET_ROWS:
        row = int(evidence.rows[k])
        back_s = (int(core.table.t_ns[row]) - int(c.t_ns[slot])) * 1e-9
        says = c.x[slot, :3] + back_s * c.x[slot, 3:]
        offset = says + P @ y - core.table.xm[row, :3], P
    station = core.station_of_reports
    claim = int(c.t_ns[slot]), c.x[slot].copy(), c.var[slot].copy()
    c.offset_info[slot], c.offset_y[slot], c.offset_n[slot] = 0.0, 0.0, 0.0
    return part(core, known, station, name, claim, claims.seeing, offset)


def _reason(core: Core, claims: Claims, evidence: Evidence, k: int, state: int) -> str | None:
    """In plain words."""
    c, slot = claims.claimed, int(evidence.slots[k])
    s = int(evidence.sensor[k])
    sensor = claims.stations[s].sensor.id if s >= 0 else ""
    d, sigma, lie = evidence.d[k], float(evidence.sigma[k]), float(evidence.lie[k])
    own, row = not math.isnan(evidence.offset[k]), int(evidence.best[k])
    if state == IdentityState.CONTRADICTED:
        if c.twin_ns[slot]:
            return words.two_places(float(np.hypot(*(c.x[slot, :2] - c.other_x[slot, :2]))))
        if c.repeat_ns[slot] and core.now_ns - c.repeat_ns[slot] <= REPEAT_NS:
            return words.played_again(float(c.repeat_lag_ns[slot]) * 1e-9)
        if own:
            return words.seen_elsewhere(sensor, d, sigma, lie)
        misses = int(c.misses[slot].max(initial=0))
        if row >= 0 and evidence.escort[k] > 1.0:
            return words.escorted(sensor, misses, int(core.table.track_id[row]), d, lie)
        return words.nobody_there(sensor, misses, lie)
    seen = own or (row >= 0 and evidence.nobody[k] < 0.0)
    if state == IdentityState.CONSISTENT and seen:
        return words.seen_there(sensor, d, sigma)
    if state == IdentityState.UNCONFIRMED and seen and s >= 0 and not claims.is_known[s]:
        return words.unknown_errors(sensor, d)
    return None
