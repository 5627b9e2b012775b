"""Variational update of close tracks: hypotheses are dealt out anew so that each track becomes one object again."""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.linalg import OK, cholesky
from lowsky.kernels.motion import merge_modes
from lowsky.kernels.sheet import SHEET, give, lay, lift, settle, take
from lowsky.kernels.update import condition, scratch

LEAST_WEIGHT = 1e-3
"""Hypotheses below it are left out, the others of the track scaled up."""
TOLERANCE = 1e-9


@njit
def deal_costs(mean, cov, x, P, cost):
    r"""What it costs that track k takes hypothesis h, into ``cost`` float64[K, H]:

    ::

        ½ [ln|Σ_k| + tr(Σ_k⁻¹ P_h) + (x_h − m_k)ᵀ Σ_k⁻¹ (x_h − m_k)]

    mean float64[K, 6], cov float64[K, 6, 6]; x float64[H, 6], P float64[H, 6, 6]. False where a covariance is not
    positive definite. Source: docs/science, section 1.5 (dense clusters).
    """
    n = mean.shape[1]
    return _deal_costs(mean, cov, x, P, cost, np.zeros((n, n)), np.empty((n, n)), np.empty(n))


@lean
def _deal_costs(mean, cov, x, P, cost, L, inverse, d):
    """``deal_costs`` with its work."""
    n_k, n_h, n = mean.shape[0], x.shape[0], mean.shape[1]
    for k in range(n_k):
        if cholesky(cov[k], L) != OK:
            return False
        log_det = 0.0
        for a in range(n):
            log_det += 2.0 * math.log(L[a, a])
        for c in range(n):  # column c of Σ⁻¹ by two substitutions
            for r in range(n):
                s = 1.0 if r == c else 0.0
                for m in range(r):
                    s -= L[r, m] * d[m]
                d[r] = s / L[r, r]
            for r in range(n - 1, -1, -1):
                s = d[r]
                for m in range(r + 1, n):
                    s -= L[m, r] * inverse[m, c]
                inverse[r, c] = s / L[r, r]
        for h in range(n_h):
            total = log_det
            for a in range(n):
                d[a] = x[h, a] - mean[k, a]
            for a in range(n):
                for b in range(n):
                    total += inverse[a, b] * (P[h, a, b] + d[a] * d[b])
            cost[k, h] = 0.5 * total
    return True


@njit
def exchange(cost, q):
    r"""Lower Σ q c by exchanges between two tracks at a time, in place; return by how much.

    Each pair of tracks pools what both have and deals it out at least cost: the hypotheses cheapest for the one,
    against the other, until it has its whole again. Sums over hypotheses and over tracks stay as they are. For two
    tracks this is the optimum of the transport problem; for more, no exchange of two lowers it further.

    cost, q : float64[K, H]
    """
    n_k, n_h = q.shape
    better, at, gap = 0.0, np.empty(n_h, np.int64), np.empty(n_h)
    for _ in range(20):
        gained = 0.0
        for a in range(n_k):
            for b in range(a + 1, n_k):
                n, want = 0, 0.0
                for h in range(n_h):
                    if q[a, h] + q[b, h] > 0.0:
                        at[n] = h
                        gap[n] = cost[a, h] - cost[b, h]
                        want += q[a, h]
                        n += 1
                order = np.argsort(gap[:n], kind="mergesort")
                before, after = 0.0, 0.0
                left = want
                for k in order:
                    h = at[k]
                    before += q[a, h] * gap[k]
                    take = min(q[a, h] + q[b, h], left)
                    after += take * gap[k]
                    left -= take
                if before - after <= TOLERANCE:
                    continue
                gained += before - after
                left = want
                for k in order:
                    h = at[k]
                    pool = q[a, h] + q[b, h]
                    q[a, h] = min(pool, left)
                    q[b, h] = pool - q[a, h]
                    left -= q[a, h]
        better += gained
        if gained <= 1e-6:
            break
    return better


@lean
def moments(q, x, P, mean, cov):
    """Mean and covariance of each track's mixture: q float64[K, H] (rows sum to 1) over x, P, into mean, cov."""
    n = x.shape[1]
    for k in range(q.shape[0]):
        for a in range(n):
            s = 0.0
            for h in range(q.shape[1]):
                s += q[k, h] * x[h, a]
            mean[k, a] = s
        for a in range(n):
            for b in range(a + 1):
                cov[k, a, b] = 0.0
        for h in range(q.shape[1]):
            if q[k, h] <= 0.0:
                continue
            for a in range(n):
                for b in range(a + 1):
                    cov[k, a, b] += q[k, h] * (P[h, a, b] + (x[h, a] - mean[k, a]) * (x[h, b] - mean[k, b]))
        for a in range(n):
            for b in range(a):
                cov[k, b, a] = cov[k, a, b]


@njit
def rearrange_tracks(
    kind, rows, start, edge_row, p_edge, p_miss, t_ns, x, P, mu, xm, Pm, z, var, weak_height, t_row_ns, origin, C,
    height, frame_of_row, var_floor, var_ceiling, rounds, mixing, ok_out,
):  # fmt: skip
    r"""Update of one group of close tracks ``rows`` (int64[K]) in place, hypotheses dealt out anew.

    Every track's hypotheses h (not seen, or one of its edges; weights w_h, summing to 1 of each track) are worked
    out as in ``fuse.update_tracks``. Instead of merging each track's own, the shares q_k(h) ≥ 0 with
    Σ_h q_k(h) = 1 and Σ_k q_k(h) = w_h are sought that make the tracks' Gaussians fit best: ``deal_costs`` and
    ``exchange`` in turn with ``moments``, ``rounds`` times, from q = w. The intensity of the whole is unchanged; a
    number goes with the Gaussian, not with the object it once was.

    Arguments as in ``update.update_assigned`` (P is packed); p_miss float64[K], edges of rows[k] are start[k] …
    start[k + 1] − 1, with rows edge_row and weights p_edge.
    ``mixing`` float64[K, K], output: M_kk' = Σ_{h of k'} q_k(h), doubly stochastic: what of label k' is now in k.

    Its sums are those of ``moments``, ``deal_costs`` and ``exchange``, which have the twins.

    Source: docs/science, sections 1.5 and 1.11; Williams, "An efficient, variational approximation of the best
    fitting multi-Bernoulli filter", 2014.
    """
    n_k, n_mode = rows.shape[0], mu.shape[1]
    capacity = n_k + start[n_k] - start[0]
    of, w = np.empty(capacity, np.int64), np.empty(capacity)
    xh, Ph = np.empty((capacity, n_mode, 6)), np.empty((capacity, n_mode, 6, 6))
    muh, xmh, Pmh = np.empty((capacity, n_mode)), np.empty((capacity, 6)), np.empty((capacity, 6, 6))
    L, sheet, work = np.zeros((6, 6)), np.zeros(SHEET), scratch()
    n_h = _hypotheses(
        kind, rows, start, edge_row, p_edge, p_miss, t_ns, x, P, mu, z, var, weak_height, t_row_ns, origin, C, height,
        frame_of_row, sheet, of, w, xh, Ph, muh, xmh, Pmh, work,
    )  # fmt: skip
    q, cost = np.zeros((n_k, n_h)), np.empty((n_k, n_h))
    mean, cov = np.empty((n_k, 6)), np.empty((n_k, 6, 6))
    for h in range(n_h):
        q[of[h], h] = w[h]
    for _ in range(rounds):
        moments(q, xmh[:n_h], Pmh[:n_h], mean, cov)
        if not deal_costs(mean, cov, xmh[:n_h], Pmh[:n_h], cost) or exchange(cost, q) <= 1e-6:
            break
    mixing[:, :] = 0.0
    for k in range(n_k):
        for h in range(n_h):
            mixing[k, of[h]] += q[k, h]
        i = rows[k]
        take(x, P, i, sheet)
        _collapse(q[k], xh, Ph, muh, sheet, mu[i], work[6], work[1])
        ok_out[k] = settle(sheet, mu[i], xm[i], Pm[i], L, var_floor, var_ceiling)
        give(sheet, x, P, i)


@lean
def _hypotheses(
    kind, rows, start, edge_row, p_edge, p_miss, t_ns, x, P, mu, z, var, weak_height, t_row_ns, origin, C, height,
    frame_of_row, sheet, of, w, xh, Ph, muh, xmh, Pmh, work,
):  # fmt: skip
    """Every track's hypotheses: whose ``of``, weight ``w``, modes xh, Ph, muh and merged xmh, Pmh; how many."""
    n_mode, n_h = mu.shape[1], 0
    for k in range(rows.shape[0]):
        i, begin = rows[k], n_h
        take(x, P, i, sheet)
        total = p_miss[k]
        for e in range(start[k], start[k + 1]):
            total += p_edge[e]
        for e in range(start[k] - 1, start[k + 1]):
            missed = e < start[k]
            part = p_miss[k] if missed else p_edge[e]
            if part <= LEAST_WEIGHT * total and not (e == start[k + 1] - 1 and n_h == begin):
                continue
            of[n_h], w[n_h] = k, max(part, 1e-12)
            for m in range(n_mode):
                muh[n_h, m] = mu[i, m]
                lift(sheet, m, xh[n_h, m], Ph[n_h, m])
            if not missed:
                j = edge_row[e]
                f = frame_of_row[j]
                _condition_modes(
                    kind, xh[n_h], Ph[n_h], muh[n_h], z[j], var[j], weak_height[j], (t_row_ns[j] - t_ns[i]) * 1e-9,
                    origin[f], C[f], height[f], work,
                )  # fmt: skip
            merge_modes(xh[n_h], Ph[n_h], muh[n_h], xmh[n_h], Pmh[n_h])
            n_h += 1
        total = 0.0
        for h in range(begin, n_h):
            total += w[h]
        for h in range(begin, n_h):
            w[h] /= total
    return n_h


@lean
def _condition_modes(kind, x, P, mu, z, var, weak_height, dt, origin, C, height, work):
    """One track's modes (x float64[M, 6], P, mu; in place) conditioned on one row."""
    best, norm = -math.inf, 0.0
    for m in range(mu.shape[0]):
        _, log_l, _ = condition(kind, x[m], P[m], z, var, weak_height, dt, origin, C, height, work)
        mu[m] = log_l + math.log(max(mu[m], 1e-300))
        best = max(best, mu[m])
    for m in range(mu.shape[0]):
        mu[m] = math.exp(mu[m] - best)
        norm += mu[m]
    for m in range(mu.shape[0]):
        mu[m] /= norm


@lean
def _collapse(q, xh, Ph, muh, sheet, mu, x, P):
    """Per mode the moments of hypotheses with weights q float64[H], onto the sheet and into mu float64[M].

    x float64[6] and P float64[6, 6] are scratch.
    """
    for m in range(mu.shape[0]):
        W = 0.0
        for h in range(q.shape[0]):
            W += q[h] * muh[h, m]
        mu[m] = max(W, 1e-12)
        if W <= 1e-11:
            continue
        for a in range(6):
            s = 0.0
            for h in range(q.shape[0]):
                s += q[h] * muh[h, m] * xh[h, m, a]
            x[a] = s / W
        for a in range(6):
            for b in range(a + 1):
                s = 0.0
                for h in range(q.shape[0]):
                    if q[h] > 0.0:
                        spread = (xh[h, m, a] - x[a]) * (xh[h, m, b] - x[b])
                        s += q[h] * muh[h, m] * (Ph[h, m, a, b] + spread)
                P[a, b] = s / W
        lay(x, P, sheet, m)
    total = 0.0
    for m in range(mu.shape[0]):
        total += mu[m]
    for m in range(mu.shape[0]):
        mu[m] /= total


@njit
def rearrange_groups(
    kind, touched, start, group_of, edge_row, p_edge, p_miss, t_ns, x, P, mu, xm, Pm, z, var, weak_height, t_row_ns,
    origin, C, height, frame_of_row, var_floor, var_ceiling, rounds, ok_out, mixing_out,
):  # fmt: skip
    """``rearrange_tracks``, which has the twin, of every group among ``touched`` (int64[K], ascending).

    ``group_of`` int64[T] is −1 for tracks in none; these are left alone. Edges of touched[k] are start[k] …
    start[k + 1] − 1; p_miss float64[T]; ok_out bool[K]. ``mixing_out`` float64[Σ n²] holds the groups' mixing one
    after the other, in order of group, tracks within one in order of ``touched``.
    """
    n_group, n = group_of.max() + 1, touched.shape[0]
    count = np.zeros(n_group + 1, np.int64)
    for k in range(n):
        if group_of[touched[k]] >= 0:
            count[group_of[touched[k]] + 1] += 1
    for g in range(n_group):
        count[g + 1] += count[g]
    member, fill = np.empty(count[n_group], np.int64), count[:-1].copy()
    for k in range(n):
        g = group_of[touched[k]]
        if g >= 0:
            member[fill[g]] = k
            fill[g] += 1
    filled = 0
    for g in range(n_group):
        at = member[count[g] : count[g + 1]]
        n_t, n_e = at.shape[0], 0
        own = np.zeros(n_t + 1, np.int64)
        for t in range(n_t):
            n_e += start[at[t] + 1] - start[at[t]]
            own[t + 1] = n_e
        rows, weights = np.empty(n_e, np.int64), np.empty(n_e)
        for t in range(n_t):
            for m in range(own[t + 1] - own[t]):
                rows[own[t] + m] = edge_row[start[at[t]] + m]
                weights[own[t] + m] = p_edge[start[at[t]] + m]
        group, mixing, ok = touched[at], np.empty((n_t, n_t)), np.empty(n_t, np.bool_)
        rearrange_tracks(
            kind, group, own, rows, weights, p_miss[group], t_ns, x, P, mu, xm, Pm, z, var, weak_height, t_row_ns,
            origin, C, height, frame_of_row, var_floor, var_ceiling, rounds, mixing, ok,
        )  # fmt: skip
        for t in range(n_t):
            ok_out[at[t]] = ok[t]
            for k in range(n_t):
                mixing_out[filled + t * n_t + k] = mixing[t, k]
        filled += n_t * n_t
