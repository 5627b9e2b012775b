"""Plots that are of several objects at once: what lies in one resolution cell of a radar gives one plot.

Only for tracks that are close to each other; everybody else is exclusive (``associate.marginals``).
"""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.sets import OVERLAP_MOST, log_of_crew, memory_of_sets, of_crew

MEMBERS_MOST = 62
"""Tracks of one group: each is a bit of an int64."""


@lean
def _members(assigned, j, but, out):
    """Tracks assigned to local row j, ``but`` one, into ``out``; how many."""
    n = 0
    for t in range(assigned.shape[0]):
        if assigned[t] == j and t != but:
            out[n] = t
            n += 1
    return n


@lean
def _log_apart(t, choice, assigned, but, log_apart, near):
    """Σ ln (1 − overlap) of track t with choice ``choice`` against all that are seen in other plots (``but`` one)."""
    total, n = 0.0, near.shape[0]
    for at in range(n):
        k = near[t, at]
        if k < 0:
            break
        if k != but and assigned[k] >= 0 and assigned[k] != choice:
            total += log_apart[t, k]
    return total


@njit
def _logs_apart(same):
    """ln (1 − overlap) of all pairs, float64[T, T]."""
    n_t = same.shape[0]
    log_apart = np.zeros((n_t, n_t))
    for t in range(n_t):
        for k in range(n_t):
            u = min(same[t, k, 0] * same[t, k, 1] * same[t, k, 2], OVERLAP_MOST)
            log_apart[t, k] = math.log(1.0 - u) if u != 0.0 else 0.0
    return log_apart


@njit
def _neighbours(log_apart):
    """Of each track those it may be in one cell with, ascending, then −1: int64[T, T]."""
    n = log_apart.shape[0]
    near = np.full((n, n), -1, np.int64)
    for t in range(n):
        found = 0
        for k in range(n):
            if k != t and log_apart[t, k] != 0.0:
                near[t, found] = k
                found += 1
    return near


@njit
def _rivals(start, rows):
    """Pairs of tracks with an edge to the same plot, in order: int64[K, 2]. Others never exchange theirs."""
    n_t, n = start.shape[0] - 1, 0
    pairs = np.empty((n_t * (n_t - 1) // 2, 2), np.int64)
    for a in range(n_t):
        for b in range(a + 1, n_t):
            shared = False
            for e in range(start[a], start[a + 1]):
                for m in range(start[b], start[b + 1]):
                    shared = shared or rows[e] == rows[m]
            if shared:
                pairs[n, 0], pairs[n, 1] = a, b
                n += 1
    return pairs[:n]


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
    log_apart = _logs_apart(same)
    assigned = np.full(n_t, -1, np.int64)
    # of each plot: its tracks as bits, and ln of its density given them
    crew, log_now, log_new = np.zeros(n_r, np.int64), log_rho.copy(), np.zeros(2)
    log_choice = np.empty(most)
    memory = memory_of_sets(n_t, n_r)
    problem = edge_at, log_alone, nu, HPH, z_finite, var, same, work
    weight, is_shared = np.empty(most), np.empty(most, np.bool_)
    second = np.zeros((n_edge, 6))
    for e in range(n_edge):
        p_alone[e], p_shared[e] = 0.0, 0.0
        for k in range(6):
            nu_shared[e, k], var_shared[e, k] = 0.0, 0.0
    p_miss[:], p_free[:] = 0.0, 0.0
    apart[:, :] = 0.0
    _sample(
        start, rows, log_rho, log_seen, log_miss, sweeps, burn, seed, p_alone, p_shared, nu_shared, var_shared, p_miss,
        p_free, apart, log_apart, _neighbours(log_apart), _rivals(start, rows), assigned, crew, log_now, log_new,
        log_choice, memory, problem, weight, is_shared, second,
    )  # fmt: skip
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


@lean
def _sample(
    start, rows, log_rho, log_seen, log_miss, sweeps, burn, seed, p_alone, p_shared, nu_shared, var_shared, p_miss,
    p_free, apart, log_apart, near, rivals, assigned, crew, log_now, log_new, log_choice, memory, problem, weight,
    is_shared, second,
):  # fmt: skip
    """The sweeps of ``share_plots``: sums over them into its outputs."""
    edge_at, log_alone, nu, HPH, z_finite, var, _, _ = problem
    members = memory[2]
    n_t, n_r = start.shape[0] - 1, log_rho.shape[0]
    state = seed
    for sweep in range(burn + sweeps):
        kept = sweep >= burn
        for t in range(n_t):
            bit = np.int64(1) << t
            if assigned[t] >= 0:
                j = assigned[t]
                crew[j] ^= bit
                log_now[j] = log_of_crew(j, crew[j], memory, problem) if crew[j] else log_rho[j]
            assigned[t] = -1
            n_choice = start[t + 1] - start[t] + 1
            weight[0] = log_miss[t]
            is_shared[0] = False
            best = weight[0]
            for e in range(start[t], start[t + 1]):
                j, k = rows[e], e - start[t] + 1
                is_shared[k] = crew[j] > 0
                after = log_of_crew(j, crew[j] | bit, memory, problem) if crew[j] else log_alone[e]
                log_choice[k] = after
                weight[k] = log_seen[t] + after - log_now[j] + _log_apart(t, j, assigned, -1, log_apart, near)
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
                        n = of_crew(crew[j], members)
                        _note_shared(
                            e, members, n, edge_at[j], w, nu, HPH, z_finite[j], var[j], nu_shared, var_shared, second
                        )
            state = state * 48271 % 2147483647
            lot, k = state / 2147483647.0 * total, 0
            while k < n_choice - 1 and lot >= weight[k]:
                lot -= weight[k]
                k += 1
            if k > 0:
                assigned[t] = rows[start[t] + k - 1]
                crew[assigned[t]] |= bit
                log_now[assigned[t]] = log_choice[k]
        for pair in range(rivals.shape[0]):
            a, b = rivals[pair, 0], rivals[pair, 1]
            ja, jb = assigned[a], assigned[b]
            if ja == jb or (jb >= 0 and edge_at[jb, a] < 0) or (ja >= 0 and edge_at[ja, b] < 0):
                continue
            both = (np.int64(1) << a) | (np.int64(1) << b)
            gain = _exchange_gain(a, b, assigned, log_seen, log_miss, log_apart, near)
            for side in range(2):
                j, comes = (ja, b) if side == 0 else (jb, a)
                if j < 0:
                    continue
                changed = crew[j] ^ both
                if changed == np.int64(1) << comes:
                    log_new[side] = log_alone[edge_at[j, comes]]
                else:
                    log_new[side] = log_of_crew(j, changed, memory, problem)
                gain += log_new[side] - log_now[j]
            state = state * 48271 % 2147483647
            if gain >= 0.0 or math.log(state / 2147483647.0) < gain:
                assigned[a], assigned[b] = jb, ja
                if ja >= 0:
                    crew[ja], log_now[ja] = crew[ja] ^ both, log_new[0]
                if jb >= 0:
                    crew[jb], log_now[jb] = crew[jb] ^ both, log_new[1]
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


@lean
def _exchange_gain(a, b, assigned, log_seen, log_miss, log_apart, near):
    """ln of the law after over before, the plots' own densities left out, if tracks a and b exchanged their plots
    (either may have none)."""
    ja, jb = assigned[a], assigned[b]
    gain = 0.0
    if ja < 0:
        gain += log_seen[a] - log_miss[a] + log_miss[b] - log_seen[b]
    elif jb < 0:
        gain += log_seen[b] - log_miss[b] + log_miss[a] - log_seen[a]
    if ja >= 0:
        gain += _log_apart(b, ja, assigned, a, log_apart, near) - _log_apart(a, ja, assigned, b, log_apart, near)
    if jb >= 0:
        gain += _log_apart(a, jb, assigned, b, log_apart, near) - _log_apart(b, jb, assigned, a, log_apart, near)
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
    members = np.empty(n_t, np.int64)
    problem = edge_at, log_alone, nu, HPH, z_finite, var, same, work
    _enumerate(
        start, rows, log_rho, log_seen, log_miss, p_alone, p_shared, nu_shared, var_shared, p_miss, p_free, apart,
        _logs_apart(same), log_w, choice, members, memory_of_sets(n_t, n_r), problem, np.zeros((n_edge, 6)),
    )  # fmt: skip


@lean
def _enumerate(
    start, rows, log_rho, log_seen, log_miss, p_alone, p_shared, nu_shared, var_shared, p_miss, p_free, apart,
    log_apart, log_w, choice, members, memory, problem, second,
):  # fmt: skip
    """The events of ``share_exactly``."""
    edge_at, log_alone, nu, HPH, z_finite, var, _, _ = problem
    n_t, n_event, best = choice.shape[0], log_w.shape[0], -math.inf
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
                    total += log_apart[t, k]
            if first:
                j, crew = choice[t], np.int64(1) << t
                for k in range(t + 1, n_t):
                    if choice[k] == j:
                        crew |= np.int64(1) << k
                alone = crew == np.int64(1) << t
                total += (log_alone[edge_at[j, t]] if alone else log_of_crew(j, crew, memory, problem)) - log_rho[j]
        log_w[event] = total
        best = max(best, total)
    norm = 0.0
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


@lean
def _unpack(event, start, rows, choice):
    """Local row of each track (−1: not seen) in joint event number ``event``."""
    for t in range(choice.shape[0]):
        n = start[t + 1] - start[t] + 1
        k = event % n
        event //= n
        choice[t] = rows[start[t] + k - 1] if k > 0 else -1


@lean
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


@lean
def _finish_shared(weight, nu_shared, var_shared, second):
    """Sums to means; the spread of means goes into the variance."""
    for e in range(weight.shape[0]):
        if weight[e] > 0.0:
            for c in range(6):
                nu_shared[e, c] /= weight[e]
                spread = max(second[e, c] / weight[e] - nu_shared[e, c] ** 2, 0.0)
                var_shared[e, c] = var_shared[e, c] / weight[e] + spread
