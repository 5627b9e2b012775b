"""One look, or one bucket of reports, against the whole table: predict, gate, weigh, marginals, update."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.kernels.associate import marginals
from lowsky.kernels.existence import (
    detection_weights,
    look_odds,
    note_blur,
    note_hits,
    shielded_tracks,
    update_existence,
)
from lowsky.kernels.fuse import update_tracks
from lowsky.kernels.gate import arc_of, pairs, place_rows, track_boxes
from lowsky.kernels.observe import BEARING, RADAR, REPORT
from lowsky.kernels.rays import heard_odds
from lowsky.kernels.sight import weigh_edges
from lowsky.model.measurement import Coverage, Floats, Ints
from lowsky.track.core import GATE_OF_DIM, NO_ROWS, Core, densities
from lowsky.track.dense import Close, Look, rearrange, weigh_close_tracks
from lowsky.track.detection import held_by_others
from lowsky.track.lasting import Before, lean
from lowsky.track.rays import Rays, believed, emitting
from lowsky.track.rows import Rows, Station, TrackReject
from lowsky.track.strangers import may_be_strangers

SURE = 0.9  # weight from which a row tells how well its sensor knows itself
NO_COVERAGE = np.array([0.0, -1.0, 0.0, 0.0, 0.0, 0.0])


@dataclass(frozen=True, slots=True)
class Outcome:
    """E edges with their probabilities, and for each of N rows that it is nobody's."""

    track: Ints  # int64[E] row of the table
    row: Ints  # int64[E]
    p_edge: Floats  # float64[E]
    p_new: Floats  # float64[N]
    birth_share: Floats  # float64[N] of "nobody's", this share is new objects, the rest clutter
    d2: Floats  # float64[K] distance of each row that surely was a track's …
    components: Ints  # int64[K] … and how many components made it
    rho: Floats  # float64[N] density of each row, were it nobody's


def associate(
    core: Core, station: Station, rows: Rows, limits: Floats, t_look_ns: int, named: NDArray[np.bool_],
    coverage: Coverage | None = None, rays: Rays | None = None, favoured: Ints | None = None,
) -> Outcome:  # fmt: skip
    """Let ``rows`` speak about every track, in place.

    ``limits`` as in ``kernels.existence.inside`` (``NO_COVERAGE``: the rows are no evidence against others);
    ``named`` bool[N] rows bring an identity nobody has, so tracks that have one are not for them. Tracks whose
    state is lost are marked by r = 0 and dropped by the lifecycle. ``rays`` compete with tracks for bearings.
    ``favoured`` int64[N] is the table row that what a row calls itself last went to (−1: none): likelier, no more.
    """
    table, settings = core.table, core.settings
    n = table.n
    track, row = _gate(core, station, rows, t_look_ns, named)
    touched = np.unique(track) if table.lean.shape[1] else NO_ROWS
    t_before = table.t_ns[touched]
    track, row, likelihood, sights = weigh_edges(
        rows.kind, track, row, table.t_ns, table.x, table.P, table.mu, table.share, table.xm, table.Pm, rows.z,
        rows.var, rows.weak_height, rows.t_ns, rows.origin, rows.C, rows.height, rows.frame, GATE_OF_DIM, core.G,
        core.moving, core.share_birth, 1.0 / settings.behaviour_lasts_s, core.room_for(len(track)),
    )  # fmt: skip
    was = Before(touched, t_before, table.xm[touched], table.Pm[touched])  # predicted, not updated
    r = table.r[:n]
    p_seen, p_missed = np.empty(n), np.empty(n)
    held = emitting(core, t_look_ns)
    look_odds(
        t_look_ns, station.p_detect, station.origin[0], station.C[0], limits, table.t_ns[:n], table.xm[:n],
        table.Pm[:n], r, table.t_r_ns[:n], shielded(core), core.population.end_rate, p_seen, p_missed,
    )  # fmt: skip
    expected = _mind_blindness(core, station, t_look_ns, p_seen, p_missed)
    core.population.advance(t_look_ns)
    rho, birth_share = densities(core, station, rows)
    psi = np.empty(len(track))
    if rays is not None:
        heard_odds(
            held, t_look_ns, table.t_ns[:n], table.xm[:n], table.Pm[:n], table.emits[:n], station.p_detect,
            station.origin[0], station.C[0], station.limits, coverage is not None, p_seen, p_missed,
        )  # fmt: skip
    detection_weights(track, likelihood, r, p_seen, p_missed, settings.p_seen_floor, psi)
    if favoured is not None:
        psi[track == favoured[row]] *= (1.0 - settings.number_doubt) / settings.number_doubt
    p_edge, p_miss, p_new = _shares(core, station, rows, (track, row, psi, rho), t_look_ns, coverage is not None, rays)
    if rows.kind == BEARING and len(track):
        doubt = may_be_strangers(core, station, rows, (track, row, p_edge), sights[1][: len(track)])
        waits = (table.emits[track] == 0.0) & doubt
        p_miss += np.bincount(track[waits], p_edge[waits], n)
        p_edge[waits] = 0.0
    look = Look(track, row, likelihood, p_edge, p_miss, p_new, rho, p_seen, p_missed)
    close = weigh_close_tracks(core, station, rows, look, t_look_ns)
    p_hit = np.bincount(track, p_edge, n) if len(track) else np.zeros(n)
    if expected is not None:
        _learn_blindness(core, station, t_look_ns, expected, p_hit, r)
    before = r.copy()
    update_existence(p_miss, p_hit, r, p_missed)
    if rows.kind == BEARING:
        # what others saw is there whether it emits or not, and half of the odds would only ever add up
        by_bearings = r[held]
        r[:] = before
        r[held] = np.minimum(by_bearings, believed(core, held, t_look_ns))
        silent = p_miss[held] * (table.emits[held] - p_seen[held]) / np.maximum(1.0 - p_seen[held], 1e-12)
        if coverage is not None:
            table.emits[held] = np.clip((silent + p_hit[held]) / np.maximum(by_bearings, 1e-300), 1e-6, 1.0)
    else:
        table.emits[track[p_edge >= settings.hit_weight]] = 0.0  # from now on, what sees it judges it
    if rows.kind == RADAR and len(track):
        note_blur(track, row, p_edge, p_hit, p_new, settings.hit_weight, table.r, table.blurred)
    if len(track):
        _update_states(core, station, rows, track, row, p_edge, p_miss, sights, close)
    if len(touched):
        lean(core, station, rows, was, (track, row, p_edge))
    sure = np.flatnonzero(p_edge >= SURE)
    group, d2, n_used = sights[0], sights[1], sights[5]
    return Outcome(track, row, p_edge, p_new, birth_share, d2[sure], n_used[group[sure]], rho)


def _mind_blindness(core: Core, station: Station, t_look_ns: int, p_seen: Floats, p_missed: Floats) -> Floats | None:
    """Where the radar is known to see less than the site file says, a miss says less, in place. What was expected by
    the site file; None where nothing is learnt."""
    known = core.detection.get(station.sensor.id)
    if known is None or not len(p_seen) or p_missed.min() == 1.0:
        return None
    expected = p_seen.copy()
    if known.differs:
        factor = known.factors(_places(core, t_look_ns))
        p_missed[:] = 1.0 - factor * (1.0 - p_missed)
        p_seen *= factor
    return expected


def _places(core: Core, t_look_ns: int) -> Floats:
    table, n = core.table, core.table.n
    ahead = (t_look_ns - table.t_ns[:n])[:, None] * 1e-9
    return np.asarray(table.xm[:n, :3] + ahead * table.xm[:n, 3:])


def _learn_blindness(core: Core, station: Station, t_look_ns: int, expected: Floats, p_hit: Floats, r: Floats) -> None:
    if station.sensor.id not in core.agree:
        return  # one that is misregistered sees no track of others where it is
    table, n = core.table, core.table.n
    beside_ns = int(core.settings.beside_s * 1e9)
    rows = np.flatnonzero(held_by_others(r, table.t_hit_ns[:n], station.index, core.now_ns, beside_ns))
    core.detection[station.sensor.id].learn(_places(core, t_look_ns)[rows], expected[rows], p_hit[rows], t_look_ns)


def _shares(
    core: Core, station: Station, rows: Rows, edges: tuple[Ints, Ints, Floats, Floats], t_look_ns: int, is_look: bool,
    rays: Rays | None,
) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    """Whose row is whose: of each pair, of each track not seen, of each row nobody's. Rays take theirs on the way.

    What other sensors saw comes first; tracks that only bearings hold, and rays, share a row for as much as it is
    left. A ray may be the object of such a track, and as one of two that are equally sure it would keep half of its
    bearings for ever.
    """
    (track, row, psi, rho), n = edges, core.table.n
    p_edge, p_miss, p_new = np.empty(len(track)), np.empty(n), np.empty(len(rows))
    if rays is None:
        marginals(track, row, psi, rho, n, p_edge, p_miss, p_new)
        return p_edge, p_miss, p_new
    weak = core.table.emits[track] > 0.0
    first, second = np.flatnonzero(~weak), np.flatnonzero(weak)
    p_first = np.empty(len(first))
    marginals(track[first], row[first], psi[first], rho, n, p_first, p_miss, p_new)
    # what others surely made tells rays nothing, and costs as much as what tells them all
    left = np.flatnonzero(p_new >= core.settings.ray_row_least)
    some = rows.take(left)
    weighed = rays.weigh(core, station, some, t_look_ns, is_look)
    tracks, taken = np.concatenate((track[second], n + weighed.ray)), np.concatenate((row[second], left[weighed.row]))
    p_free, p_left, unseen = np.empty(len(tracks)), np.empty(len(rows)), np.empty(n + rays.n)
    marginals(tracks, taken, np.concatenate((psi[second], weighed.psi)), rho, n + rays.n, p_free, unseen, p_left)
    p_free *= p_new[taken]
    unseen = 1.0 - np.bincount(tracks, p_free, n + rays.n)
    p_edge[first], p_edge[second] = p_first, p_free[: len(second)]
    rays.take(station, some, weighed, p_free[len(second) :], unseen[n:])
    return p_edge, p_miss * unseen[:n], p_new * p_left


def shielded(core: Core) -> NDArray[np.bool_]:
    """bool[n]: tracks that reported themselves within their last three intervals."""
    table = core.table
    patience_ns = core.settings.coast_intervals * 1e9
    return shielded_tracks(table.n, core.now_ns, patience_ns, table.interval_s, table.t_report_ns)


def _gate(core: Core, station: Station, rows: Rows, t_look_ns: int, named: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Edges (table row, measurement row) between boxes and points."""
    table, settings, n = core.table, core.settings, core.table.n
    if not len(rows) or not n:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    row_u, row_v = np.empty(len(rows)), np.empty(len(rows))
    t_ref, slack_s, *var_uv = place_rows(rows.kind, rows.z, rows.var, rows.t_ns, rows.origin, row_u, row_v)
    box = np.empty((4, n))
    track_boxes(
        rows.kind, t_ref, slack_s, table.t_ns[:n], table.xm[:n], table.Pm[:n], table.mu[:n],
        core.motion, rows.origin[0], rows.C[0], settings.gate_sigma, np.array(var_uv), arc_of(row_v), box[0], box[1],
        box[2], box[3],
    )  # fmt: skip
    periodic = rows.kind != REPORT
    track, row, cut = pairs(
        box[0], box[1], box[2], box[3], row_u, row_v, periodic, table.has_identity[:n], named, settings.edges_per_track
    )
    core.reject(station, TrackReject.THINNED, cut)
    apart = table.apart[:n]
    if apart.any():
        with_body = ~apart[track]
        track, row = track[with_body], row[with_body]
    return track, row


def _update_states(
    core: Core, station: Station, rows: Rows, track: Ints, row: Ints, p_edge: Floats, p_miss: Floats, sights: Any,
    close: Close | None,
) -> None:  # fmt: skip
    table, settings = core.table, core.settings
    p_alone, p_seen = p_edge, p_edge
    if close is not None:
        lose(core, station, rearrange(core, rows, track, row, p_edge, p_miss, close))
        p_alone, p_seen = close.others(track, p_edge), close.seen(track, p_edge)
    lost = update_tracks(
        track, p_alone, p_miss, sights, table.x, table.P, table.mu, table.xm, table.Pm, core.var_floor, core.var_ceiling
    )
    lose(core, station, lost)
    note_hits(
        track, row, p_seen, rows.t_ns, station.index, core.step, settings.hit_weight, table.t_update_ns,
        table.interval_s, table.hits, table.t_hit_ns, table.t_chance_ns, table.look_hit,
    )  # fmt: skip


def lose(core: Core, station: Station, lost: Ints) -> None:
    """A state that is none any more: existence 0, so that the lifecycle drops it, and numbers that are finite."""
    if not len(lost):
        return
    table = core.table
    core.reject(station, TrackReject.NOT_A_STATE, len(lost))
    table.r[lost] = 0.0
    table.t_report_ns[lost] = 0
    table.mu[lost], table.share[lost] = core.mu_birth, core.share_birth
    table.x[lost], table.xm[lost] = 0.0, 0.0
    wide = np.diag(core.var_ceiling.repeat(3))
    table.P[lost], table.Pm[lost] = wide[np.tril_indices(6)][:, None], wide
