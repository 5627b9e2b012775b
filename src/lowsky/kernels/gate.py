"""Which rows could belong to which tracks? Boxes in two sensor coordinates, found through a grid."""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.motion import LATERAL, Q_H
from lowsky.kernels.observe import BEARING, RADAR, REPORT, STATION, wrap

MAX_HALF_WIDTH_RAD = math.pi
ARC_SLACK_RAD = 1e-9  # for rounding


@lean
def track_boxes(
    kind, t_ref_ns, slack_s, t_ns, xm, Pm, mu, motion, origin, C, sigmas, var_uv, arc, u, v, half_u, half_v
):  # fmt: skip
    r"""Centre and half-widths of every track's gate in two sensor coordinates at one time.

    RADAR: range, azimuth. BEARING: none (0, infinite), azimuth. REPORT: east, north of the site. Widths hold
    ``sigmas`` standard deviations of the predicted position with what acceleration adds on average over the modes
    (white noise, and the side step of a turn; ``motion`` float64[M, 9] as in ``kernels.motion``), of the worst row
    (``var_uv`` float64[2]), and what the track flies in ``slack_s``, by which rows' times may differ from ``t_ref_ns``.
    Coarse by intention; ``weigh_edges`` decides.

    xm float64[T, 6] … mu float64[T, M]; outputs float64[T]. ``arc`` float64[2] is the middle and half-width (rad)
    of the rows' azimuths (``arc_of``): a track that cannot reach it gets ``half_v`` −1 and is not looked at closer,
    which is most of them where the rows are one datagram of a turning radar. Not used for REPORT. What is heard comes
    from where the object was: off by no more than asin(v/c).
    """
    is_heard = kind == BEARING and origin.shape[0] == STATION and origin[3] > 0.0
    place = origin[8] if kind == BEARING and origin.shape[0] == STATION else 0.0
    for i in range(xm.shape[0]):
        dt = (t_ref_ns - t_ns[i]) * 1e-9
        ahead = max(dt, 0.0)
        walk, rest = 0.0, 0.0
        for m in range(mu.shape[1]):
            side = 0.5 * motion[m, LATERAL] * ahead * ahead
            added = motion[m, Q_H] * ahead * ahead * ahead / 3.0 + side * side
            walk += mu[i, m] * added
            # some of the mass may have changed mode by the end
            rest += added / (mu.shape[1] * mu.shape[1])
        walk = max(walk, rest) + place * place
        d0 = xm[i, 0] + dt * xm[i, 3] - origin[0]
        d1 = xm[i, 1] + dt * xm[i, 4] - origin[1]
        d2 = xm[i, 2] + dt * xm[i, 5] - origin[2]
        if kind == REPORT:
            u[i], v[i] = d0 + origin[0], d1 + origin[1]
            slack_u, slack_v = slack_s * abs(xm[i, 3]), slack_s * abs(xm[i, 4])
            half_u[i] = sigmas * math.sqrt(max(_moved(Pm[i], ahead, 1.0, 0.0, 0.0), 0.0) + walk + var_uv[0]) + slack_u
            half_v[i] = sigmas * math.sqrt(max(_moved(Pm[i], ahead, 0.0, 1.0, 0.0), 0.0) + walk + var_uv[1]) + slack_v
            continue
        e = C[0, 0] * d0 + C[0, 1] * d1 + C[0, 2] * d2
        n = C[1, 0] * d0 + C[1, 1] * d1 + C[1, 2] * d2
        rho = max(math.sqrt(e * e + n * n), 1.0)
        r = max(math.sqrt(d0 * d0 + d1 * d1 + d2 * d2), 1.0)
        speed = math.sqrt(xm[i, 3] ** 2 + xm[i, 4] ** 2 + xm[i, 5] ** 2)
        a0 = (n * C[0, 0] - e * C[1, 0]) / rho  # unit vector of growing azimuth, in the site's axes
        a1 = (n * C[0, 1] - e * C[1, 1]) / rho
        a2 = (n * C[0, 2] - e * C[1, 2]) / rho
        v[i] = math.atan2(e, n)
        # no direction's variance exceeds the trace, and asin x ≤ ½πx
        trace = walk
        for k in range(3):
            trace += Pm[i, k, k] + 2.0 * ahead * Pm[i, k, k + 3] + ahead * ahead * Pm[i, k + 3, k + 3]
        reach = sigmas * math.sqrt(max(trace, 0.0)) + slack_s * speed
        lag = 0.5 * math.pi * min(speed / origin[3], 1.0) if is_heard else 0.0
        farthest = 0.5 * math.pi * reach / rho + sigmas * math.sqrt(var_uv[1]) + lag
        if reach < rho and abs(wrap(v[i] - arc[0])) > farthest + arc[1]:
            u[i], half_u[i], half_v[i] = r, 0.0, -1.0
            continue
        across = sigmas * math.sqrt(max(_moved(Pm[i], ahead, a0, a1, a2), 0.0) + walk) + slack_s * speed
        if across >= rho:
            half_v[i] = MAX_HALF_WIDTH_RAD
        else:
            half_v[i] = min(math.asin(across / rho) + sigmas * math.sqrt(var_uv[1]) + lag, MAX_HALF_WIDTH_RAD)
        if kind == RADAR:
            u[i] = r
            along = max(_moved(Pm[i], ahead, d0 / r, d1 / r, d2 / r), 0.0) + walk
            spread = Pm[i, 0, 0] + Pm[i, 1, 1] + Pm[i, 2, 2] + walk
            half_u[i] = sigmas * math.sqrt(along + var_uv[0]) + slack_s * speed + sigmas * spread / r
        else:
            u[i], half_u[i] = 0.0, 1.0


@lean
def place_rows(kind, z, var, t_ns, origin, u, v):
    """Where rows lie in the two coordinates of ``track_boxes``: u, v float64[N], outputs.

    Returns the middle of their times (ns), half of what these are apart (s), and the largest variance of each
    coordinate. N > 0. Twin in tests/reference.
    """
    earliest, newest, var_u, var_v = t_ns[0], t_ns[0], 0.0, 0.0
    for j in range(z.shape[0]):
        earliest, newest = min(earliest, t_ns[j]), max(newest, t_ns[j])
        if kind == REPORT:  # their axes are not the site's
            u[j], v[j] = origin[j, 0], origin[j, 1]
            var_u = max(var_u, var[j, 0], var[j, 1])
            var_v = var_u
        elif kind == RADAR:
            u[j], v[j] = z[j, 0], wrap(z[j, 1])
            var_u, var_v = max(var_u, var[j, 0]), max(var_v, var[j, 1])
        else:
            u[j], v[j] = 0.0, wrap(z[j, 0])
            var_v = max(var_v, var[j, 0])
    return (earliest + newest) // 2, (newest - earliest) * 0.5e-9, var_u, var_v


@njit
def arc_of(angles):
    """Middle and half-width of an arc that holds every angle (rad, finite): float64[2]. The whole circle where they
    spread over more than a half, or where there are none."""
    arc = np.array([0.0, math.pi])
    if angles.shape[0] == 0:
        return arc
    low, high = 0.0, 0.0
    for angle in angles:
        away = wrap(angle - angles[0])
        low, high = min(low, away), max(high, away)
    if high - low < math.pi - ARC_SLACK_RAD:
        arc[0], arc[1] = wrap(angles[0] + 0.5 * (low + high)), 0.5 * (high - low) + ARC_SLACK_RAD
    return arc


@lean
def _moved(P, dt, a0, a1, a2):
    """Variance along a unit vector after ``dt`` s without noise: aᵀ (P_pp + Δ (P_pv + P_vp) + Δ² P_vv) a."""
    total = 0.0
    for r in range(3):
        ar = a0 if r == 0 else (a1 if r == 1 else a2)
        for c in range(3):
            ac = a0 if c == 0 else (a1 if c == 1 else a2)
            total += ar * ac * (P[r, c] + dt * (P[r, c + 3] + P[r + 3, c]) + dt * dt * P[r + 3, c + 3])
    return total


@njit
def pairs(u, v, half_u, half_v, row_u, row_v, periodic, skip_track, skip_row, per_track_max):
    r"""Edges between boxes (T tracks) and points (N rows): |Δu| ≤ half_u and |Δv| ≤ half_v, v wrapped if periodic.

    Rows are put into a grid with about one row to a cell, so the cost is O(T + N + edges) while boxes are small
    against the scene; below 33 rows every pair is tried instead.

    Parameters
    ----------
    u, v, half_u, half_v : float64[T]
    row_u, row_v : float64[N]
    periodic : bool
        v is an angle.
    skip_track, skip_row : bool[T], bool[N]
        A pair with both set is left out (two different identities).
    per_track_max : int
        More edges than this on one track are cut, farthest in box units last to go; counted.

    Returns
    -------
    track, row : int64[E], int64[E]
        Ordered by track, then by row.
    cut : int
        Edges given up.
    """
    n_track, n_row = u.shape[0], row_u.shape[0]
    capacity = 4 * n_track + 4 * n_row + 16
    track_out, row_out = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    found, cut = 0, 0
    if n_track == 0 or n_row == 0:
        return track_out[:0], row_out[:0], 0
    side = 1
    if n_row > 32:
        side = min(int(math.sqrt(n_row)) + 1, 512)
    u_low, u_high, v_low, v_high = row_u[0], row_u[0], -math.pi, math.pi
    if not periodic:
        v_low, v_high = row_v[0], row_v[0]
    for j in range(n_row):
        u_low, u_high = min(u_low, row_u[j]), max(u_high, row_u[j])
        if not periodic:
            v_low, v_high = min(v_low, row_v[j]), max(v_high, row_v[j])
    u_step, v_step = max((u_high - u_low) / side, 1e-9), max((v_high - v_low) / side, 1e-9)
    first = np.zeros(side * side + 1, np.int64)
    cell_of, order = np.empty(n_row, np.int64), np.empty(n_row, np.int64)
    for j in range(n_row):
        cu = min(int((row_u[j] - u_low) / u_step), side - 1)
        cv = min(int((row_v[j] - v_low) / v_step), side - 1)
        cell_of[j] = cu * side + cv
        first[cell_of[j] + 1] += 1
    for c in range(side * side):
        first[c + 1] += first[c]
    fill = first[:-1].copy()
    for j in range(n_row):
        order[fill[cell_of[j]]] = j
        fill[cell_of[j]] += 1
    hit, far = np.empty(n_row, np.int64), np.empty(n_row)
    for i in range(n_track):
        if not (half_u[i] >= 0.0 and half_v[i] >= 0.0 and math.isfinite(u[i]) and math.isfinite(v[i])):
            continue
        if u[i] + half_u[i] < u_low or u[i] - half_u[i] > u_high:
            continue
        cu0 = max(int(max((u[i] - half_u[i] - u_low) / u_step, 0.0)), 0)
        cu1 = int(min((u[i] + half_u[i] - u_low) / u_step, side - 1.0))
        if periodic:
            if 2.0 * half_v[i] >= v_high - v_low - v_step:
                cv0, n_v = 0, side
            else:
                cv0 = math.floor((v[i] - half_v[i] - v_low) / v_step)
                n_v = min(math.floor((v[i] + half_v[i] - v_low) / v_step) - cv0 + 1, side)
        else:
            if v[i] + half_v[i] < v_low or v[i] - half_v[i] > v_high:
                continue
            cv0 = int(max((v[i] - half_v[i] - v_low) / v_step, 0.0))
            n_v = int(min((v[i] + half_v[i] - v_low) / v_step, side - 1.0)) - cv0 + 1
        n_hit = 0
        for cu in range(cu0, cu1 + 1):
            for k in range(n_v):
                c = cu * side + (cv0 + k) % side
                for at in range(first[c], first[c + 1]):
                    j = order[at]
                    if abs(row_u[j] - u[i]) > half_u[i] or (skip_track[i] and skip_row[j]):
                        continue
                    dv = row_v[j] - v[i]
                    if periodic:
                        dv = wrap(dv)
                    if abs(dv) > half_v[i]:
                        continue
                    hit[n_hit] = j
                    n_hit += 1
        if n_hit > per_track_max:
            for k in range(n_hit):
                du, dv = row_u[hit[k]] - u[i], row_v[hit[k]] - v[i]
                if periodic:
                    dv = wrap(dv)
                far[k] = max(abs(du) / max(half_u[i], 1e-12), abs(dv) / max(half_v[i], 1e-12))
            farthest = np.partition(far[:n_hit], per_track_max - 1)[per_track_max - 1]
            ties = per_track_max
            for k in range(n_hit):
                ties -= far[k] < farthest
            kept = 0
            for k in range(n_hit):
                if far[k] < farthest or (far[k] == farthest and ties > 0):
                    ties -= far[k] == farthest
                    hit[kept] = hit[k]
                    kept += 1
            cut += n_hit - kept
            n_hit = kept
        for k in range(1, n_hit):  # by insertion: they are few, and come in runs
            j, at = hit[k], k
            while at > 0 and hit[at - 1] > j:
                hit[at] = hit[at - 1]
                at -= 1
            hit[at] = j
        if found + n_hit > capacity:
            capacity = 2 * capacity + n_hit
            more_track, more_row = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
            more_track[:found] = track_out[:found]
            more_row[:found] = row_out[:found]
            track_out, row_out = more_track, more_row
        for k in range(n_hit):
            track_out[found] = i
            row_out[found] = hit[k]
            found += 1
    return track_out[:found], row_out[:found], cut
