"""Existence: what looks that saw a track, or did not, say about whether it is there."""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.observe import REFRACTION, wrap

R_MAX = 1.0 - 1e-4


@lean
def inside(x, P, dt, origin, C, limits):
    r"""Probability that a track is inside a sensor's volume, with the edges blurred by its own uncertainty.

    ``limits`` float64[6]: range min, max (m), azimuth from, to (rad; to − from ≥ 2π − 1e-6 is all round),
    elevation from, to (rad). Each coordinate's normal distribution between its edges, multiplied. Constant
    velocity for ``dt`` s; x float64[6], P float64[6, 6]; origin, C as in ``observe``.
    """
    d0 = x[0] + dt * x[3] - origin[0]
    d1 = x[1] + dt * x[4] - origin[1]
    d2 = x[2] + dt * x[5] - origin[2]
    r = max(math.sqrt(d0 * d0 + d1 * d1 + d2 * d2), 1.0)
    # one radius of uncertainty stands for all directions: good enough for an edge
    radius = math.sqrt(max((P[0, 0] + P[1, 1] + P[2, 2]) / 3.0, 1e-6))
    if r - 6.0 * radius > limits[1]:
        return 0.0
    e = C[0, 0] * d0 + C[0, 1] * d1 + C[0, 2] * d2
    n = C[1, 0] * d0 + C[1, 1] * d1 + C[1, 2] * d2
    up = C[2, 0] * d0 + C[2, 1] * d1 + C[2, 2] * d2
    rho = max(math.sqrt(e * e + n * n), 1.0)
    p = _between(r, radius, limits[0], limits[1])
    p *= _between(math.atan2(up, rho) + REFRACTION * r, radius / r, limits[4], limits[5])
    width = limits[3] - limits[2]
    if width < 2.0 * math.pi - 1e-6:
        middle = 0.5 * (limits[2] + limits[3])
        p *= _between(wrap(math.atan2(e, n) - middle), radius / rho, -0.5 * width, 0.5 * width)
    return p


@lean
def _between(value, sigma, low, high):
    k = 1.0 / (math.sqrt(2.0) * sigma)
    if (high - value) * k > 6.0 and (value - low) * k > 6.0:
        return 1.0  # to the last bit
    return max(0.5 * (math.erf((high - value) * k) - math.erf((low - value) * k)), 0.0)


@lean
def look_odds(
    t_look_ns, p_detect, origin, C, limits, t_ns, xm, Pm, r, t_r_ns, shielded, survival_rate, p_seen, p_missed
):  # fmt: skip
    r"""Before a look: survival to its time and each track's chance to be seen by it.

    ::

        r ← e^{−Δ/τ} r       p_seen = P_D · P(inside)       p_missed = 1 − p_seen

    ``shielded`` bool[T] tracks (a transponder tells of them now) keep p_missed = 1: what a radar does not see is
    no evidence against what speaks for itself. ``limits`` with a negative maximum range mean "no coverage told":
    p_seen = P_D for the weights, p_missed = 1. r and t_r_ns (int64, time of r) are changed in place; p_seen and
    p_missed float64[T] are outputs. ``survival_rate`` 1/s.
    """
    for i in range(r.shape[0]):
        dt = (t_look_ns - t_r_ns[i]) * 1e-9
        if dt > 0.0:
            if not shielded[i]:
                r[i] *= math.exp(-survival_rate * dt)
            t_r_ns[i] = t_look_ns
        if limits[1] < 0.0:
            p_seen[i], p_missed[i] = p_detect, 1.0
            continue
        p_seen[i] = p_detect * inside(xm[i], Pm[i], (t_look_ns - t_ns[i]) * 1e-9, origin, C, limits)
        p_missed[i] = 1.0 if shielded[i] else 1.0 - p_seen[i]


@lean
def detection_weights(edge_track, likelihood, r, p_seen, p_missed, p_seen_floor, psi):
    r"""ψ_ij = r P_D L_ij / (1 − r + r (1 − P_D)) of every edge into ``psi`` float64[E]; L is ``likelihood``.

    ``p_seen_floor`` keeps a plot outside the stated volume (the edges of a sensor are never where the file says)
    from being impossible.
    """
    for e in range(edge_track.shape[0]):
        i = edge_track[e]
        seen = max(p_seen[i], p_seen_floor)
        psi[e] = r[i] * seen * likelihood[e] / (1.0 - r[i] + r[i] * p_missed[i] + 1e-12)


@lean
def update_existence(p_miss, p_hit, r, p_missed):
    r"""After association: r ← p_i0 r (1 − P_D)/(1 − r P_D) + Σ_j p_ij, in place, for all T tracks.

    ``p_miss`` float64[T] is p_i0, ``p_hit`` float64[T] is Σ_j p_ij; tracks without edges have 1 and 0. Also turns
    ``p_miss`` into the weight of "there, but not seen", which the state update needs.
    """
    for i in range(r.shape[0]):
        there = r[i] * p_missed[i]
        p_miss[i] *= there / (1.0 - r[i] + there) if there > 0.0 else 0.0
        r[i] = min(max(p_miss[i] + p_hit[i], 0.0), R_MAX)


@lean
def overdue_misses(now_ns, revisit_ns, p_detect, origin, C, limits, t_ns, xm, Pm, r, shielded, t_chance_ns):
    r"""Virtual misses of one sensor that streams plots without saying where it looked, in place.

    A track inside its volume that was due more than half a revisit ago loses (1 − P_D) once per whole revisit
    that passed: the time ``t_chance_ns`` int64[T], up to which chances are accounted for, moves on with it.
    """
    for i in range(r.shape[0]):
        late = now_ns - t_chance_ns[i]
        if shielded[i] or late < revisit_ns + revisit_ns // 2:
            continue
        chances = (late - revisit_ns // 2) // revisit_ns
        t_chance_ns[i] += chances * revisit_ns
        seen = p_detect * inside(xm[i], Pm[i], (now_ns - t_ns[i]) * 1e-9, origin, C, limits)
        missed = r[i] * (1.0 - seen) ** min(chances, 50)
        r[i] = missed / (1.0 - r[i] + missed + 1e-300)


# status codes of lowsky.model.track.TrackStatus
TENTATIVE, CONFIRMED, COASTING, DROPPED = 1, 2, 3, 4


@lean
def judge(
    n, now_ns, track_id, r, hits, status, t_update_ns, t_report_ns, interval_s, reports, emits, blurred, Pm, limits,
    verdict, changed,
):  # fmt: skip
    r"""Status each of the first ``n`` tracks should have at ``now_ns``, into ``verdict`` uint8[n].

    Returns how many that is another status for; which ones stands in ``changed`` int64[n].

    Parameters
    ----------
    track_id, r, hits, status, t_update_ns : columns of the table
        A candidate that has no number yet (0) ends by silence only; weak ones are recycled by the caller.
    t_report_ns : int64[T]
        Time of the newest report with the track's identity; 0 = none ever.
    interval_s : float64[T]
        Learnt time between its updates.
    reports : uint32[T]
        Reports with its identity so far.
    emits, blurred : float64[T], int64[T]
        > 0: held by bearings alone, so silence ends it sooner; looks in a row that fed it with nobody's plots.
    limits : float64[14]
        r to confirm; hits to confirm; r to drop a confirmed, a tentative track; r below which a confirmed track
        coasts; intervals to coast; least seconds to coast; reports to confirm; intervals to drop and least
        seconds to drop a reporting track; seconds to drop any other; greatest position σ, m; seconds to drop what
        bearings alone hold; looks fed with nobody's plots.
    """
    n_changed = 0
    for i in range(n):
        silence = (now_ns - t_update_ns[i]) * 1e-9
        is_reporting = False
        if t_report_ns[i] != 0:
            quiet = (now_ns - t_report_ns[i]) * 1e-9
            is_reporting = quiet <= max(limits[9], limits[8] * interval_s[i])
        now = status[i]
        if is_reporting:
            if now == TENTATIVE and reports[i] >= limits[7]:
                now = CONFIRMED
        else:
            if now == TENTATIVE and r[i] >= limits[0] and hits[i] >= limits[1]:
                now = CONFIRMED
            gone = max(limits[10], limits[8] * interval_s[i]) if t_report_ns[i] != 0 else limits[10]
            wide = Pm[i, 0, 0] + Pm[i, 1, 1] > limits[11] * limits[11]
            least = limits[2] if now != TENTATIVE else (limits[3] if track_id[i] > 0 else 0.0)
            if silence > gone or wide or r[i] < least:
                now = DROPPED
        if now in (CONFIRMED, COASTING):
            is_quiet = silence > max(limits[6], limits[5] * interval_s[i])
            if is_quiet or (r[i] < limits[4] and not is_reporting):
                now = COASTING
            elif now == COASTING:
                now = CONFIRMED
        if t_report_ns[i] == 0 and (blurred[i] >= limits[13] or (emits[i] > 0.0 and silence > limits[12])):
            now = DROPPED
        verdict[i] = now
        if now != status[i]:
            changed[n_changed] = i
            n_changed += 1
    return n_changed


@njit
def likely(n, track_id, r, hits, born_by, least, least_hits):
    """Of the first ``n`` rows those without a number whose existence is at least ``least``, and that had at least
    ``least_hits`` rows where a radar saw them first: int64[K].

    Twin: NumPy's flatnonzero.
    """
    rows, k = np.empty(n, np.int64), 0
    for i in range(n):
        if track_id[i] == 0 and r[i] >= least and (hits[i] >= least_hits or born_by[i] == 0):
            rows[k] = i
            k += 1
    return rows[:k].copy()


@njit
def weak_rows(n, track_id, r, status, ended, least):
    """Of the first ``n`` rows those in ``ended`` int64[K], sorted, and those without a number that are below ``least``
    or dropped: int64[K], sorted. Twin in tests/reference."""
    k = ended.shape[0]
    for i in range(n):
        k += track_id[i] == 0 and (r[i] < least or status[i] == DROPPED)
    rows, k, e = np.empty(k, np.int64), 0, 0
    for i in range(n):
        is_ended = e < ended.shape[0] and ended[e] == i
        e += is_ended
        if is_ended or (track_id[i] == 0 and (r[i] < least or status[i] == DROPPED)):
            rows[k] = i
            k += 1
    return rows[:k]


@njit
def shielded_tracks(n, now_ns, patience_ns, interval_s, t_report_ns):
    """bool[n]: tracks that reported themselves within ``patience_ns`` times their interval (per s). Twin: NumPy."""
    out = np.empty(n, np.bool_)
    for i in range(n):
        out[i] = t_report_ns[i] > 0 and now_ns - t_report_ns[i] <= patience_ns * interval_s[i]
    return out


@lean
def note_hits(
    edge_track, edge_row, p_edge, t_row_ns, sensor, look, least, t_update_ns, interval_s, hits, t_hit_ns, t_chance_ns,
    look_hit,
):  # fmt: skip
    r"""Write down which tracks a look fed: edges of weight ≥ ``least`` (E edges), in place.

    The learnt interval moves a fifth of the way to the newest gap between updates (rows less than 20 ms apart
    are one update). ``t_hit_ns``, ``t_chance_ns`` and ``look_hit`` are int64[C, sensors].
    """
    for e in range(edge_track.shape[0]):
        if p_edge[e] >= least:
            i = edge_track[e]
            _note(i, t_row_ns[edge_row[e]], sensor, look, t_update_ns, interval_s, hits, t_hit_ns, t_chance_ns)
            look_hit[i, sensor] = look


@lean
def note_blur(edge_track, edge_row, p_edge, p_hit, p_new, least, r, blurred):
    """Count in ``blurred`` int64[C] the looks in a row in which a track was fed, but by plots of which each is more
    likely nobody's than anybody's: what density there is carries it, and no object need be there. In a formation plots
    are somebody's.

    E edges in order of track; fed is p_hit float64[T] ≥ ``least`` of its existence, or an edge ≥ ``least``.
    p_new float64[N]. Twin in tests/reference.
    """
    e, n_edge = 0, edge_track.shape[0]
    while e < n_edge:
        i, own, best = edge_track[e], 0.0, 0.0
        while e < n_edge and edge_track[e] == i:
            own += p_edge[e] * (1.0 - p_new[edge_row[e]])
            best = max(best, p_edge[e])
            e += 1
        if best >= least:
            blurred[i] = 0
        elif p_hit[i] > 0.0 and p_hit[i] >= least * r[i] and own < 0.5 * p_hit[i]:
            blurred[i] += 1


@lean
def _note(i, t, sensor, look, t_update_ns, interval_s, hits, t_hit_ns, t_chance_ns):
    gap = (t - t_update_ns[i]) * 1e-9
    if gap > 0.02:
        gap = min(gap, 120.0)
        interval_s[i] = gap if hits[i] == 1 else interval_s[i] + 0.2 * (gap - interval_s[i])
    t_update_ns[i] = max(t_update_ns[i], t)
    t_hit_ns[i, sensor] = max(t_hit_ns[i, sensor], t)
    t_chance_ns[i, sensor] = max(t_chance_ns[i, sensor], t)
    hits[i] += 1


@lean
def note_reports(
    rows, row_track, outcome, t_row_ns, has_position, sensor, look, r_report, r, t_r_ns, reports, t_report_ns,
    t_update_ns, interval_s, hits, t_hit_ns, t_chance_ns, look_hit,
):  # fmt: skip
    """The same for reports that named their track (K rows in order of time; outcome 0 or 1 is a used one).

    Existence rises to at least ``r_report``: who tells of himself is there.

    Shares its arithmetic, and so its twin, with ``note_hits``.
    """
    for k in range(rows.shape[0]):
        if outcome[k] > 1:
            continue
        i, t = row_track[k], t_row_ns[rows[k]]
        if has_position[rows[k]]:
            _note(i, t, sensor, look, t_update_ns, interval_s, hits, t_hit_ns, t_chance_ns)
            reports[i] += 1
            look_hit[i, sensor] = look
        else:
            t_update_ns[i] = max(t_update_ns[i], t)
        t_report_ns[i] = max(t_report_ns[i], t)
        r[i] = max(r[i], r_report)
        t_r_ns[i] = max(t_r_ns[i], t)


@lean
def found_so_far(
    n, now_ns, fade_per_ns, least, r, hits, has_identity, start_share, t_born_ns, t_hit_ns, born_by, born_cell, sensor,
    by_azimuth, by_range,
):  # fmt: skip
    r"""Of the first ``n`` tracks that ``sensor`` has seen and that do not report themselves: how many objects they are.

    Returns Σ r s of those there from the start, Σ r (1 − s) e^{−λ age} of those that came since, both over r ≥
    ``least``, s being ``start_share`` and λ ``fade_per_ns``; and Σ r of those seen at least twice, by any sensor.
    ``t_hit_ns`` int64[C, sensors]. Those of the second number that this sensor saw first are added to where that was,
    cell ``born_cell`` (azimuth times number of ranges, plus range): float64[A] and float64[B], outputs.

    Twin in tests/reference.
    """
    start, since, followed, ranges = 0.0, 0.0, 0.0, by_range.shape[0]
    by_azimuth[:], by_range[:] = 0.0, 0.0
    for i in range(n):
        if r[i] < least or has_identity[i]:
            continue
        if hits[i] > 1:
            followed += r[i]
        if t_hit_ns[i, sensor] > 0:
            start += r[i] * start_share[i]
            came = r[i] * (1.0 - start_share[i]) * math.exp(-fade_per_ns * max(now_ns - t_born_ns[i], 0))
            since += came
            if born_by[i] == sensor + 1:
                by_azimuth[born_cell[i] // ranges] += came
                by_range[born_cell[i] % ranges] += came
    return start, since, followed


@lean
def reconsider(n, sensor, times_start, times_since, r, status, born_by, start_share):
    r"""Of the first ``n`` tracks, candidates that ``sensor`` saw first: their odds, now that objects there from the
    start are known to be ``times_start`` as many as was thought, and those that come ``times_since``, in place.

    ::

        g = s g₀ + (1 − s) g₁        r ← g r/(1 − r + g r)        s ← s g₀/g

    Twin in tests/reference.
    """
    for i in range(n):
        if status[i] == TENTATIVE and born_by[i] == sensor + 1:
            s = start_share[i]
            times = s * times_start + (1.0 - s) * times_since
            r[i] = min(times * r[i] / (1.0 - r[i] + times * r[i]), R_MAX)
            start_share[i] = s * times_start / times
