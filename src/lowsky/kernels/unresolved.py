"""Plots that are of several objects at once: what lies in one resolution cell of a radar gives one plot.

Only for tracks that are close to each other; everybody else is exclusive (``associate.marginals``).
"""

import math

import numpy as np

from lowsky.kernels.compiled import njit
from lowsky.kernels.linalg import distance2
from lowsky.kernels.observe import IS_ANGLE, observe, wrap

LOG_2PI = math.log(2.0 * math.pi)
NEVER = -1e30
"""Logarithm of a probability that is none; finite, so that differences stay numbers."""
OVERLAP_MOST = 0.98
"""Two objects are never surely in one cell: positions are estimates, and cells no boxes."""
EVENTS_MOST = 512
"""Groups of at most so many joint events are enumerated."""
BURN = 10
"""Sweeps before the sampler's start no longer shows."""
TOLD_APART = 0.02
"""A track whose probability for a plot is below it has no claim on it."""


@njit
def overlap(distance, sigma, cell):
    r"""Probability that two points lie in one interval of a grid of pitch ``cell`` with random phase.

    For a known distance d it is max(0, 1 − |d|/c); averaged over d ~ N(``distance``, ``sigma``²)::

        [F(d + c) − 2 F(d) + F(d − c)]/c      F(x) = x Φ(x/σ) + σ φ(x/σ)

    An infinite cell does not tell anything apart: 1.
    """
    if not math.isfinite(cell):
        return 1.0
    if cell <= 0.0:
        return 0.0
    if sigma < 1e-6 * cell:
        return max(0.0, 1.0 - abs(distance) / cell)
    up = _ramp(distance + cell, sigma) - 2.0 * _ramp(distance, sigma) + _ramp(distance - cell, sigma)
    return min(max(up / cell, 0.0), 1.0)


@njit
def _ramp(x, sigma):
    k = x / sigma
    if k > 12.0:
        return x
    if k < -12.0:
        return 0.0
    normal = math.exp(-0.5 * k * k) / math.sqrt(2.0 * math.pi)
    return x * 0.5 * math.erfc(-k / math.sqrt(2.0)) + sigma * normal


@njit
def pair_overlap(xa, Pa, xb, Pb, origin, C, cell, out):
    """``overlap`` of two tracks in range, azimuth and elevation of a radar into ``out`` float64[3].

    ``cell`` float64[3]: m, rad, rad; infinite where the radar does not measure the component.
    """
    d, step = np.empty(3), np.empty(3)
    for a in range(3):
        d[a], step[a] = 0.0, 0.0
        for b in range(3):
            d[a] += C[a, b] * (0.5 * (xa[b] + xb[b]) - origin[b])
            step[a] += C[a, b] * (xb[b] - xa[b])
    rho = max(math.sqrt(d[0] * d[0] + d[1] * d[1]), 1.0)
    r = math.sqrt(rho * rho + d[2] * d[2])
    axis = np.empty((3, 3))
    axis[0, 0], axis[0, 1], axis[0, 2] = d[0] / r, d[1] / r, d[2] / r
    axis[1, 0], axis[1, 1], axis[1, 2] = d[1] / rho, -d[0] / rho, 0.0
    axis[2, 0], axis[2, 1], axis[2, 2] = -d[0] * d[2] / (r * rho), -d[1] * d[2] / (r * rho), rho / r
    site = np.empty(3)
    for k in range(3):
        distance, variance = 0.0, 0.0
        for a in range(3):
            distance += axis[k, a] * step[a]
            site[a] = axis[k, 0] * C[0, a] + axis[k, 1] * C[1, a] + axis[k, 2] * C[2, a]
        for a in range(3):
            for b in range(3):
                variance += site[a] * (Pa[a, b] + Pb[a, b]) * site[b]
        width = cell[k] if k == 0 else cell[k] * (rho if k == 1 else r)
        out[k] = overlap(distance, math.sqrt(max(variance, 0.0)), width)


@njit
def close_pairs(edge_track, edge_row, p_edge, p_miss, is_strong, n_row, xm, Pm, origin, C, cell, gate, floor):
    r"""Pairs of tracks that may be confused or not be told apart in this look.

    Of tracks with ``is_strong`` (bool[T]) whose states agree, δᵀ (P_a + P_b + F)⁻¹ δ < ``gate`` in position and
    velocity, F = diag(``floor``²) (m, m/s): those that both have a claim on one plot, and those of which one may
    have been missed because the other's plot was its own, too.

    Returns
    -------
    first, second : int64[K]
        Table rows, first < second, in ascending order.
    d2 : float64[K]
        The distance without F.
    same : float64[K, 3]
        ``pair_overlap``.
    """
    n_edge = edge_track.shape[0]
    row_first = np.zeros(n_row + 1, np.int64)
    for e in range(n_edge):
        row_first[edge_row[e] + 1] += 1
    for j in range(n_row):
        row_first[j + 1] += row_first[j]
    by_row, fill = np.empty(n_edge, np.int64), row_first[:-1].copy()
    for e in range(n_edge):
        by_row[fill[edge_row[e]]] = e
        fill[edge_row[e]] += 1
    delta, S, L, w = np.empty(6), np.empty((6, 6)), np.zeros((6, 6)), np.empty(6)
    key, n_key, stride = np.empty(64, np.int64), 0, is_strong.shape[0]
    for j in range(n_row):
        for at in range(row_first[j], row_first[j + 1]):
            ea = by_row[at]
            a = edge_track[ea]
            if not is_strong[a]:
                continue
            for to in range(at + 1, row_first[j + 1]):
                eb = by_row[to]
                b = edge_track[eb]
                if not is_strong[b] or max(p_edge[ea], p_edge[eb]) < TOLD_APART:
                    continue
                if min(p_edge[ea], p_edge[eb]) < TOLD_APART and max(p_miss[a], p_miss[b]) < TOLD_APART:
                    continue
                far2, spread = 0.0, 0.0
                for c in range(3):
                    far2 += (xm[a, c] - xm[b, c]) ** 2
                    spread += Pm[a, c, c] + Pm[b, c, c]
                if far2 > gate * (spread + 3.0 * floor[0] ** 2):
                    continue
                if n_key == key.shape[0]:
                    more = np.empty(2 * n_key, np.int64)
                    more[:n_key] = key
                    key = more
                key[n_key] = a * stride + b
                n_key += 1
    unique = np.unique(key[:n_key])
    first, second = np.empty(unique.shape[0], np.int64), np.empty(unique.shape[0], np.int64)
    same, d2, n = np.empty((unique.shape[0], 3)), np.empty(unique.shape[0]), 0
    for k in range(unique.shape[0]):
        a, b = unique[k] // stride, unique[k] % stride
        for r in range(6):
            delta[r] = xm[a, r] - xm[b, r]
            for c in range(6):
                S[r, c] = Pm[a, r, c] + Pm[b, r, c]
        d2[n] = distance2(delta, S, L, w)
        for r in range(6):
            S[r, r] += floor[0 if r < 3 else 1] ** 2
        if distance2(delta, S, L, w) < gate:
            pair_overlap(xm[a], Pm[a], xm[b], Pm[b], origin, C, cell, same[n])
            first[n], second[n] = a, b
            n += 1
    return first[:n], second[:n], d2[:n], same[:n]


@njit
def edge_innovations(kind, track, row, t_ns, xm, Pm, z, t_row_ns, origin, C, height, frame_of_row, nu, HPH, work):
    """Innovation (wrapped; NaN where not measured) and H P Hᵀ of the merged state of each edge.

    Outputs nu float64[E, 6], HPH float64[E, 6, 6]; work is ``update.scratch()``. One ``observe``, which has the twin.
    """
    z_pred, H, extra, d, u, g, Ph, _ = work
    for e in range(track.shape[0]):
        i, j = track[e], row[e]
        f = frame_of_row[j]
        dt = (t_row_ns[j] - t_ns[i]) * 1e-9
        observe(kind, xm[i], Pm[i], dt, origin[f], C[f], height[f], z_pred, H, extra, d, u, g)
        for k in range(6):
            nu[e, k] = z[j, k] - z_pred[k]
            if IS_ANGLE[kind, k]:
                nu[e, k] = wrap(nu[e, k])
            for a in range(6):
                s = 0.0
                for b in range(6):
                    s += Pm[i, a, b] * H[k, b]
                Ph[a] = s
            for m in range(6):
                s = 0.0
                for a in range(6):
                    s += H[m, a] * Ph[a]
                HPH[e, k, m] = s
            HPH[e, k, k] += extra[k]


@njit
def _log_of_set(members, n, edge_of, log_alone, nu, HPH, z_finite, var, same, work):
    """ln of: the plot's density given that ``members``[:n] made it, times the chance that they are in one cell.

    ``edge_of`` int64[T]: each member's edge to this plot. The plot is at the centroid: innovation Σν/n, covariance
    Σ HPHᵀ/n² + R. In one cell with probability Π_c min over pairs (exact for a grid and known places).
    """
    if n == 1:
        return log_alone[edge_of[members[0]]]
    mean, S, L, w, at = work
    dim = 0
    for k in range(6):
        if z_finite[k]:
            at[dim] = k
            dim += 1
    for a in range(dim):
        mean[a] = 0.0
        for b in range(dim):
            S[a, b] = var[at[a]] if a == b else 0.0
    for m in range(n):
        e = edge_of[members[m]]
        for a in range(dim):
            mean[a] += nu[e, at[a]] / n
            for b in range(dim):
                S[a, b] += HPH[e, at[a], at[b]] / (n * n)
    d2 = distance2(mean[:dim], S[:dim, :dim], L, w)
    if not math.isfinite(d2):
        return NEVER
    log_p = -0.5 * (d2 + dim * LOG_2PI)
    for a in range(dim):
        log_p -= math.log(L[a, a])
    for c in range(3):
        least = OVERLAP_MOST
        for m in range(n):
            for k in range(m):
                least = min(least, same[members[m], members[k], c])
        if least <= 0.0:
            return NEVER
        log_p += math.log(least)
    return log_p


@njit
def _members(assigned, j, but, out):
    """Tracks assigned to local row j, ``but`` one, into ``out``; how many."""
    n = 0
    for t in range(assigned.shape[0]):
        if assigned[t] == j and t != but:
            out[n] = t
            n += 1
    return n


@njit
def _log_apart(t, choice, assigned, but, log_apart):
    """Σ ln (1 − overlap) of track t with choice ``choice`` against all that are seen in other plots (``but`` one)."""
    total = 0.0
    for k in range(assigned.shape[0]):
        if k != t and k != but and assigned[k] >= 0 and assigned[k] != choice:
            total += log_apart[t, k]
    return total


@njit
def share_plots(
    start, rows, log_alone, nu, HPH, z_finite, var, log_rho, log_seen, log_miss, same, sweeps, burn, seed, p_alone,
    p_shared, nu_shared, var_shared, p_miss, p_free, apart,
):  # fmt: skip
    r"""Marginals of one group where a plot may be of several tracks, by Gibbs sampling.

    The law over who is in which plot (a_i = 0: not seen), with A_j the tracks of plot j::

        p(a) ∝ Π_i {1 − r P_D | r P_D} · Π_{j: A_j = ∅} ρ_j · Π_{j: A_j ≠ ∅} N(z_j; centroid of A_j) U(A_j)
               · Π_{i, k seen in different plots} (1 − u_ik)

    u_ik: chance that both are in one resolution cell; U that a set is. Each sweep draws every track's plot given
    all others' and then tries to exchange every two tracks' plots; what is reported are the means of the
    conditional probabilities, which vary much less than the draws. Same seed, same bits.

    Parameters
    ----------
    start : int64[T + 1]
        Edges of track t are start[t] … start[t + 1] − 1.
    rows : int64[E]
        Local row number of each edge, 0 … N − 1.
    log_alone : float64[E]
        ln N(z_j; track i alone).
    nu, HPH : float64[E, 6], float64[E, 6, 6]
        ``edge_innovations``.
    z_finite, var : bool[N, 6], float64[N, 6]
    log_rho : float64[N]
        ln of the density of clutter, new objects and tracks outside the group.
    log_seen, log_miss : float64[T]
        ln r P_D, ln (1 − r P_D).
    same : float64[T, T, 3]
        ``pair_overlap``; 0 for pairs that are not close.
    sweeps, burn, seed : int
        seed in 1 … 2³¹ − 2.
    p_alone, p_shared : float64[E], outputs
        Probabilities of "plot j is i's alone" and "it is i's and others'".
    nu_shared, var_shared : float64[E, 6], outputs
        Given the latter: a plot of i alone that says the same, Σ_A ν and n² R + Σ_{k ≠ i} HPHᵀ (diagonal), mean and
        spread over the draws.
    p_miss, p_free : float64[T], float64[N], outputs
    apart : float64[T, T], output
        Probability that both were seen, in different plots.

    Source
    ------
    Two-object model: Koch & van Keuk, "Multiple hypothesis track maintenance with possibly unresolved measurements",
    1997; the sets, the law of a random grid and the sampler are ours. Twin: full enumeration.
    """
    n_t, n_r, n_edge = start.shape[0] - 1, log_rho.shape[0], rows.shape[0]
    work = (np.empty(6), np.empty((6, 6)), np.zeros((6, 6)), np.empty(6), np.empty(6, np.int64))
    edge_at = np.full((n_r, n_t), -1, np.int64)  # edge of a track to a row
    most = 1
    for t in range(n_t):
        most = max(most, start[t + 1] - start[t] + 1)
        for e in range(start[t], start[t + 1]):
            edge_at[rows[e], t] = e
    log_apart = np.zeros((n_t, n_t))
    for t in range(n_t):
        for k in range(n_t):
            u = min(same[t, k, 0] * same[t, k, 1] * same[t, k, 2], OVERLAP_MOST)
            log_apart[t, k] = math.log(1.0 - u)
    assigned = np.full(n_t, -1, np.int64)
    members, other = np.empty(n_t + 1, np.int64), np.empty(n_t + 1, np.int64)
    weight, is_shared = np.empty(most), np.empty(most, np.bool_)
    second = np.zeros((n_edge, 6))
    for e in range(n_edge):
        p_alone[e], p_shared[e] = 0.0, 0.0
        for k in range(6):
            nu_shared[e, k], var_shared[e, k] = 0.0, 0.0
    p_miss[:], p_free[:] = 0.0, 0.0
    apart[:, :] = 0.0
    state = seed
    for sweep in range(burn + sweeps):
        kept = sweep >= burn
        for t in range(n_t):
            assigned[t] = -1
            n_choice = start[t + 1] - start[t] + 1
            weight[0] = log_miss[t]
            is_shared[0] = False
            best = weight[0]
            for e in range(start[t], start[t + 1]):
                j, k = rows[e], e - start[t] + 1
                n = _members(assigned, j, t, members)
                is_shared[k] = n > 0
                before = log_rho[j]
                if n > 0:
                    before = _log_of_set(
                        members, n, edge_at[j], log_alone, nu, HPH, z_finite[j], var[j], same, work
                    )
                members[n] = t
                after = _log_of_set(
                    members, n + 1, edge_at[j], log_alone, nu, HPH, z_finite[j], var[j], same, work
                )
                weight[k] = log_seen[t] + after - before + _log_apart(t, j, assigned, -1, log_apart)
                best = max(best, weight[k])
            total = 0.0
            for k in range(n_choice):
                weight[k] = math.exp(weight[k] - best)
                total += weight[k]
            if kept:
                p_miss[t] += weight[0] / total
                for k in range(1, n_choice):
                    e, w = start[t] + k - 1, weight[k] / total
                    if not is_shared[k]:
                        p_alone[e] += w
                    elif w > 1e-6:
                        p_shared[e] += w
                        j = rows[e]
                        n = _members(assigned, j, t, members)
                        _note_shared(
                            e, members, n, edge_at[j], w, nu, HPH, z_finite[j], var[j], nu_shared, var_shared, second
                        )
            state = state * 48271 % 2147483647
            lot, k = state / 2147483647.0 * total, 0
            while k < n_choice - 1 and lot >= weight[k]:
                lot -= weight[k]
                k += 1
            assigned[t] = rows[start[t] + k - 1] if k > 0 else -1
        for a in range(n_t):
            for b in range(a + 1, n_t):
                ja, jb = assigned[a], assigned[b]
                if ja == jb or (jb >= 0 and edge_at[jb, a] < 0) or (ja >= 0 and edge_at[ja, b] < 0):
                    continue
                gain = _exchange_gain(
                    a, b, assigned, edge_at, log_alone, nu, HPH, z_finite, var, same, log_seen, log_miss, log_apart,
                    members, other, work,
                )  # fmt: skip
                state = state * 48271 % 2147483647
                if math.log(state / 2147483647.0) < gain:
                    assigned[a], assigned[b] = jb, ja
        if kept:
            for j in range(n_r):
                p_free[j] += 1.0
            for t in range(n_t):
                if assigned[t] >= 0:
                    first = True
                    for k in range(t):
                        first = first and assigned[k] != assigned[t]
                        if assigned[k] >= 0 and assigned[k] != assigned[t]:
                            apart[t, k] += 1.0
                            apart[k, t] += 1.0
                    if first:
                        p_free[assigned[t]] -= 1.0
    _finish_shared(p_shared, nu_shared, var_shared, second)
    for e in range(n_edge):
        p_alone[e] /= sweeps
        p_shared[e] /= sweeps
    for t in range(n_t):
        p_miss[t] /= sweeps
        for k in range(n_t):
            apart[t, k] /= sweeps
    for j in range(n_r):
        p_free[j] /= sweeps


@njit
def _exchange_gain(
    a, b, assigned, edge_at, log_alone, nu, HPH, z_finite, var, same, log_seen, log_miss, log_apart, members, other,
    work,
):  # fmt: skip
    """ln of the law after over before, if tracks a and b exchanged their plots (either may have none)."""
    ja, jb = assigned[a], assigned[b]
    gain = 0.0
    for j in (ja, jb):
        if j < 0:
            continue
        leaves, comes = (a, b) if j == ja else (b, a)
        n = _members(assigned, j, -1, members)
        gain -= _log_of_set(members, n, edge_at[j], log_alone, nu, HPH, z_finite[j], var[j], same, work)
        n = _members(assigned, j, leaves, other)
        other[n] = comes
        gain += _log_of_set(other, n + 1, edge_at[j], log_alone, nu, HPH, z_finite[j], var[j], same, work)
    if ja < 0:
        gain += log_seen[a] - log_miss[a] + log_miss[b] - log_seen[b]
    elif jb < 0:
        gain += log_seen[b] - log_miss[b] + log_miss[a] - log_seen[a]
    if ja >= 0:
        gain += _log_apart(b, ja, assigned, a, log_apart) - _log_apart(a, ja, assigned, b, log_apart)
    if jb >= 0:
        gain += _log_apart(a, jb, assigned, b, log_apart) - _log_apart(b, jb, assigned, a, log_apart)
    return gain



@njit
def share_exactly(
    start, rows, log_alone, nu, HPH, z_finite, var, log_rho, log_seen, log_miss, same, p_alone, p_shared, nu_shared,
    var_shared, p_miss, p_free, apart,
):  # fmt: skip
    """The marginals of ``share_plots`` by every joint event once, for groups so small that this is quicker.

    Same arguments, same law, no draws. Twin: that of ``share_plots``.
    """
    n_t, n_r, n_edge = start.shape[0] - 1, log_rho.shape[0], rows.shape[0]
    work = (np.empty(6), np.empty((6, 6)), np.zeros((6, 6)), np.empty(6), np.empty(6, np.int64))
    edge_at = np.full((n_r, n_t), -1, np.int64)
    n_event = 1
    for t in range(n_t):
        n_event *= start[t + 1] - start[t] + 1
        for e in range(start[t], start[t + 1]):
            edge_at[rows[e], t] = e
    log_w, choice = np.empty(n_event), np.empty(n_t, np.int64)
    members, best = np.empty(n_t, np.int64), -math.inf
    for event in range(n_event):
        _unpack(event, start, rows, choice)
        total = 0.0
        for t in range(n_t):
            if choice[t] < 0:
                total += log_miss[t]
                continue
            total += log_seen[t]
            first = True
            for k in range(t):
                if choice[k] == choice[t]:
                    first = False
                elif choice[k] >= 0:
                    u = same[t, k, 0] * same[t, k, 1] * same[t, k, 2]
                    total += math.log(1.0 - min(u, OVERLAP_MOST))
            if first:
                j = choice[t]
                n = _members(choice, j, -1, members)
                total -= log_rho[j]
                total += _log_of_set(members, n, edge_at[j], log_alone, nu, HPH, z_finite[j], var[j], same, work)
        log_w[event] = total
        best = max(best, total)
    norm, second = 0.0, np.zeros((n_edge, 6))
    p_alone[:], p_shared[:], p_miss[:], p_free[:] = 0.0, 0.0, 0.0, 1.0
    nu_shared[:, :], var_shared[:, :], apart[:, :] = 0.0, 0.0, 0.0
    for event in range(n_event):
        norm += math.exp(log_w[event] - best)
    for event in range(n_event):
        w = math.exp(log_w[event] - best) / norm
        if w < 1e-12:
            continue
        _unpack(event, start, rows, choice)
        for t in range(n_t):
            j = choice[t]
            if j < 0:
                p_miss[t] += w
                continue
            first = True
            for k in range(t):
                first = first and choice[k] != j
                if choice[k] >= 0 and choice[k] != j:
                    apart[t, k] += w
                    apart[k, t] += w
            if first:
                p_free[j] -= w
            e, n = edge_at[j, t], _members(choice, j, t, members)
            if n == 0:
                p_alone[e] += w
            else:
                p_shared[e] += w
                _note_shared(e, members, n, edge_at[j], w, nu, HPH, z_finite[j], var[j], nu_shared, var_shared, second)
    _finish_shared(p_shared, nu_shared, var_shared, second)


@njit
def _unpack(event, start, rows, choice):
    """Local row of each track (−1: not seen) in joint event number ``event``."""
    for t in range(choice.shape[0]):
        n = start[t + 1] - start[t] + 1
        k = event % n
        event //= n
        choice[t] = rows[start[t] + k - 1] if k > 0 else -1


@njit
def _note_shared(e, members, n, edge_of, w, nu, HPH, z_finite, var, nu_shared, var_shared, second):
    """Add to edge e, with weight w, the plot of its own that says what the shared one does (n others)."""
    for c in range(6):
        if not z_finite[c]:
            continue
        s, v = nu[e, c], (n + 1) * (n + 1) * var[c]
        for m in range(n):
            s += nu[edge_of[members[m]], c]
            v += HPH[edge_of[members[m]], c, c]
        nu_shared[e, c] += w * s
        second[e, c] += w * s * s
        var_shared[e, c] += w * v


@njit
def _finish_shared(weight, nu_shared, var_shared, second):
    """Sums to means; the spread of means goes into the variance."""
    for e in range(weight.shape[0]):
        if weight[e] > 0.0:
            for c in range(6):
                nu_shared[e, c] /= weight[e]
                spread = max(second[e, c] / weight[e] - nu_shared[e, c] ** 2, 0.0)
                var_shared[e, c] = var_shared[e, c] / weight[e] + spread


@njit
def groups_of(first, second, joint, n_track, most):
    """Connected components of the pairs with ``joint`` (bool[K]), as the number of each track's, int64[n_track].

    −1: none, or one of more than ``most`` tracks. Numbered in order of their first track. Twin: by sets.
    """
    parent, group = np.arange(n_track), np.full(n_track, -1, np.int64)
    size = np.zeros(n_track, np.int64)
    for k in range(first.shape[0]):
        if joint[k]:
            a, b = _root(parent, first[k]), _root(parent, second[k])
            parent[max(a, b)] = min(a, b)
    for i in range(n_track):
        size[_root(parent, i)] += 1
    n = 0
    for i in range(n_track):
        root = _root(parent, i)
        if 1 < size[root] <= most:
            if root == i:
                group[i] = n
                n += 1
            else:
                group[i] = group[root]
    return group


@njit
def _root(parent, i):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit
def weigh_close(
    kind, track, row, log_l, p_edge, p_miss, p_new, rho, seen, p_missed, r, serial, first, second, same, group_of,
    t_ns, xm, Pm, z, var, t_row_ns, origin, C, height, frame_of_row, t_look_ns, sweeps, few, p_shared, z_shared,
    var_shared, apart, chance, work,
):  # fmt: skip
    r"""Marginals of every group of close tracks anew, in place of those that hold every plot for one track's.

    Claims of tracks outside a group on its plots come from belief propagation, whose outputs p_edge and p_new hold
    them as densities, η = p_ij ρ_j/p_new; afterwards they get what the group leaves them.

    Parameters
    ----------
    track, row, log_l : E edges in order of track
    p_edge, p_miss, p_new : float64[E], float64[T], float64[N], in place
    rho, seen, p_missed : float64[N], float64[T], float64[T]
    first, second, same : K pairs of ``close_pairs``
    group_of : int64[T]
        ``groups_of``.
    few : float
        Pairs against which a group's own share of pairs told apart is weighed.
    p_shared, z_shared, var_shared : float64[E], float64[E, 6], float64[E, 6], outputs
        Part of p_edge that is shared, and the plot of its own that says the same.
    apart, chance : float64[K], outputs
        How probably each pair was told apart, and how probable that was if it is two objects. Where a group is told
        apart less than it should be, all its pairs' chances fall alike: it is denser than it was thought to be.

    Shares its arithmetic, and so its twin, with ``share_plots``.
    """
    n_track, n_row, n_edge, n_pair = p_miss.shape[0], rho.shape[0], track.shape[0], first.shape[0]
    begin, end = np.zeros(n_track, np.int64), np.zeros(n_track, np.int64)
    for e in range(n_edge):
        if e == 0 or track[e] != track[e - 1]:
            begin[track[e]] = e
        end[track[e]] = e + 1
    row_first = np.zeros(n_row + 1, np.int64)
    for e in range(n_edge):
        row_first[row[e] + 1] += 1
    for j in range(n_row):
        row_first[j + 1] += row_first[j]
    by_row, fill = np.empty(n_edge, np.int64), row_first[:-1].copy()
    for e in range(n_edge):
        by_row[fill[row[e]]] = e
        fill[row[e]] += 1
        p_shared[e] = 0.0
    n_group = group_of.max() + 1
    count = np.zeros(n_group + 1, np.int64)
    for i in range(n_track):
        if group_of[i] >= 0:
            count[group_of[i] + 1] += 1
    for g in range(n_group):
        count[g + 1] += count[g]
    member, fill = np.empty(count[n_group], np.int64), count[:-1].copy()
    local_track, local_row = np.full(n_track, -1, np.int64), np.full(n_row, -1, np.int64)
    for i in range(n_track):
        if group_of[i] >= 0:
            local_track[i] = fill[group_of[i]] - count[group_of[i]]
            member[fill[group_of[i]]] = i
            fill[group_of[i]] += 1
    for k in range(n_pair):
        a, b = first[k], second[k]
        chance[k] = seen[a] * seen[b]
        apart[k] = -1.0
        if group_of[a] >= 0 and group_of[a] == group_of[b]:
            continue
        # exclusive: both seen, but not by the same plot
        ha, hb, both = 0.0, 0.0, 0.0
        for e in range(begin[a], end[a]):
            ha += p_edge[e]
            for m in range(begin[b], end[b]):
                if row[m] == row[e]:
                    both += p_edge[e] * p_edge[m]
        for m in range(begin[b], end[b]):
            hb += p_edge[m]
        apart[k] = max(ha * hb - both, 0.0)
    for g in range(n_group):
        group = member[count[g] : count[g + 1]]
        n_t, n_e, n_r, n_event = group.shape[0], 0, 0, 1
        start = np.zeros(n_t + 1, np.int64)
        for t in range(n_t):
            n_e += end[group[t]] - begin[group[t]]
            start[t + 1] = n_e
            n_event = min(n_event * (end[group[t]] - begin[group[t]] + 1), 2 * EVENTS_MOST)
        edges, plots = np.empty(n_e, np.int64), np.empty(n_e, np.int64)
        rows = np.empty(n_e, np.int64)
        for t in range(n_t):
            for m in range(start[t + 1] - start[t]):
                e = begin[group[t]] + m
                edges[start[t] + m] = e
                if local_row[row[e]] < 0:
                    local_row[row[e]] = n_r
                    plots[n_r] = row[e]
                    n_r += 1
                rows[start[t] + m] = local_row[row[e]]
        plots = plots[:n_r]
        free_rho, log_rho = np.empty(n_r), np.empty(n_r)
        for j in range(n_r):
            free_rho[j] = rho[plots[j]]
            for at in range(row_first[plots[j]], row_first[plots[j] + 1]):
                e = by_row[at]
                if group_of[track[e]] != g:
                    free_rho[j] += p_edge[e] * rho[plots[j]] / max(p_new[plots[j]], 1e-12)
            log_rho[j] = math.log(free_rho[j])
            local_row[plots[j]] = -1
        nu, HPH = np.empty((n_e, 6)), np.empty((n_e, 6, 6))
        edge_innovations(
            kind, track[edges], row[edges], t_ns, xm, Pm, z, t_row_ns, origin, C, height, frame_of_row, nu, HPH, work
        )
        overlaps = np.zeros((n_t, n_t, 3))
        for k in range(n_pair):
            if group_of[first[k]] == g and group_of[second[k]] == g:
                a, b = local_track[first[k]], local_track[second[k]]
                overlaps[a, b], overlaps[b, a] = same[k], same[k]
        log_seen, log_miss = np.empty(n_t), np.empty(n_t)
        for t in range(n_t):
            i = group[t]
            log_seen[t] = math.log(r[i] * seen[i])
            log_miss[t] = math.log(1.0 - r[i] + r[i] * p_missed[i] + 1e-12)
        alone, shared, missed, free = np.empty(n_e), np.empty(n_e), np.empty(n_t), np.empty(n_r)
        nu_shared, v_shared, told = np.empty((n_e, 6)), np.empty((n_e, 6)), np.empty((n_t, n_t))
        z_finite = np.isfinite(z[plots])
        if n_event <= EVENTS_MOST:
            share_exactly(
                start, rows, log_l[edges], nu, HPH, z_finite, var[plots], log_rho, log_seen, log_miss, overlaps,
                alone, shared, nu_shared, v_shared, missed, free, told,
            )  # fmt: skip
        else:
            seed = (t_look_ns // 1000 + serial[group[0]] * 7919) % 2147483646 + 1
            share_plots(
                start, rows, log_l[edges], nu, HPH, z_finite, var[plots], log_rho, log_seen, log_miss, overlaps,
                sweeps, BURN, seed, alone, shared, nu_shared, v_shared, missed, free, told,
            )  # fmt: skip
        for m in range(n_e):
            e = edges[m]
            p_edge[e], p_shared[e] = alone[m] + shared[m], shared[m]
            for c in range(6):
                z_shared[e, c] = z[row[e], c] + nu_shared[m, c] - nu[m, c]
                var_shared[e, c] = v_shared[m, c] if z_finite[rows[m], c] else 1.0
        for t in range(n_t):
            p_miss[group[t]] = missed[t]
        for j in range(n_r):
            for at in range(row_first[plots[j]], row_first[plots[j] + 1]):
                e = by_row[at]
                if group_of[track[e]] != g:
                    eta = p_edge[e] * rho[plots[j]] / max(p_new[plots[j]], 1e-12)
                    p_edge[e] = free[j] * eta / free_rho[j]
            p_new[plots[j]] = free[j] * rho[plots[j]] / free_rho[j]
        for j in range(n_r):
            for at in range(row_first[plots[j]], row_first[plots[j] + 1]):
                i = track[by_row[at]]
                if group_of[i] < 0:
                    left = 1.0
                    for e in range(begin[i], end[i]):
                        left -= p_edge[e]
                    p_miss[i] = max(left, 0.0)
        found, expected = few, few
        for k in range(n_pair):
            if group_of[first[k]] == g and group_of[second[k]] == g:
                apart[k] = told[local_track[first[k]], local_track[second[k]]]
                chance[k] *= 1.0 - same[k, 0] * same[k, 1] * same[k, 2]
                found += apart[k]
                expected += chance[k]
        for k in range(n_pair):
            if group_of[first[k]] == g and group_of[second[k]] == g:
                chance[k] *= min(1.0, found / expected)
