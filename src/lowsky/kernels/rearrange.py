"""Variational update of close tracks: hypotheses are dealt out anew so that each track becomes one object again."""

import math

import numpy as np

from lowsky.kernels.compiled import lean, njit
from lowsky.kernels.lanes import LANES, choose, exp, higher, load, load_first, put, put_first, spread, total
from lowsky.kernels.linalg import OK, cholesky
from lowsky.kernels.sheet import COVARIANCE, MEAN, SHEET, give, merge, settle, take
from lowsky.kernels.sight import (
    KEEP,
    NORM,
    U_AT,
    WORK,
    Y_AT,
    look_along,
    observing_scratch,
    same_kind,
    solve,
)
from lowsky.kernels.update import WEAK_HEIGHT_SHARE

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

    Arguments as in ``update.update_assigned`` (P is packed), rows without heavy tails; p_miss float64[K], edges of
    rows[k] are start[k] … start[k + 1] − 1, with rows edge_row and weights p_edge.
    ``mixing`` float64[K, K], output: M_kk' = Σ_{h of k'} q_k(h), doubly stochastic: what of label k' is now in k.

    Its sums are those of ``moments``, ``deal_costs`` and ``exchange``, which have the twins; without rounds it is
    ``fuse.update_tracks``.

    Source: docs/science, sections 1.5 and 1.11; Williams, "An efficient, variational approximation of the best
    fitting multi-Bernoulli filter", 2014.
    """
    n_k, n_mode = rows.shape[0], mu.shape[1]
    capacity = n_k + start[n_k] - start[0]
    of, w, sheets = np.empty(capacity, np.int64), np.empty(capacity), np.empty((capacity, SHEET))
    muh, xmh, Pmh = np.empty((capacity, n_mode)), np.empty((capacity, 6)), np.empty((capacity, 6, 6))
    L, sheet, mode_weight = np.zeros((6, 6)), np.zeros(SHEET), np.empty(LANES)
    n_h = _hypotheses(
        kind, rows, start, edge_row, p_edge, p_miss, t_ns, x, P, mu, z, var, weak_height, t_row_ns, origin, C, height,
        frame_of_row, sheet, of, w, sheets, muh, xmh, Pmh, _sighting(),
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
        _collapse(q[k], sheets, muh, sheet, mu[i], mode_weight)
        ok_out[k] = settle(sheet, mu[i], xm[i], Pm[i], L, var_floor, var_ceiling)
        give(sheet, x, P, i)


@njit
def _sighting():
    """Work of ``look_along`` for one track at a time: ``work``, comps, is_still, observing. No sums, so no twin."""
    return np.zeros(WORK), np.empty(6, np.int64), np.empty(6, np.bool_), observing_scratch()


@lean
def _hypotheses(
    kind, rows, start, edge_row, p_edge, p_miss, t_ns, x, P, mu, z, var, weak_height, t_row_ns, origin, C, height,
    frame_of_row, sheet, of, w, sheets, muh, xmh, Pmh, sight,
):  # fmt: skip
    """Every track's hypotheses: whose ``of``, weight ``w``, modes' sheets, ``muh`` and merged xmh, Pmh; how many."""
    n_mode, n_h = mu.shape[1], 0
    work, comps, is_still, observing = sight
    for k in range(rows.shape[0]):
        i, begin, seen = rows[k], n_h, -1
        take(x, P, i, sheet)
        total_p, D, weak = p_miss[k], 0, -1
        for e in range(start[k], start[k + 1]):
            total_p += p_edge[e]
        for e in range(start[k] - 1, start[k + 1]):
            missed = e < start[k]
            part = p_miss[k] if missed else p_edge[e]
            if part <= LEAST_WEIGHT * total_p and not (e == start[k + 1] - 1 and n_h == begin):
                continue
            of[n_h], w[n_h] = k, max(part, 1e-12)
            if missed:
                for at in range(SHEET):
                    sheets[n_h, at] = sheet[at]
                for m in range(n_mode):
                    muh[n_h, m] = mu[i, m]
            else:
                j = edge_row[e]
                f = frame_of_row[j]
                if (
                    seen < 0
                    or t_row_ns[j] != t_row_ns[seen]
                    or not same_kind(z, var, weak_height, frame_of_row, j, seen)
                ):
                    D, weak = look_along(
                        kind, sheet, mu[i], z[j], var[j], weak_height[j], (t_row_ns[j] - t_ns[i]) * 1e-9, origin[f],
                        C[f], height[f], work, comps, is_still, observing,
                    )  # fmt: skip
                    seen = j
                _fit_modes(kind, z, j, comps, D, weak, var, n_mode, sheet, sheets[n_h], muh[n_h], work)
            merge(sheets[n_h], muh[n_h], xmh[n_h], Pmh[n_h])
            n_h += 1
        total_w = 0.0
        for h in range(begin, n_h):
            total_w += w[h]
        for h in range(begin, n_h):
            w[h] /= total_w
    return n_h


@lean
def _fit_modes(kind, z, j, comps, D, weak, var, n_mode, sheet, fitted, mu, work):
    """A sheet's modes given that row j, which ``look_along`` looked at or one like it, is the track's: onto the sheet
    ``fitted`` and into mu float64[M]. Not for rows with a heavy tail. Twin: ``update.condition``."""
    d2 = solve(kind, z, j, comps, D, work)
    put(fitted, 0, d2)
    least = fitted[0]
    for m in range(1, n_mode):
        least = min(least, fitted[m])
    # relative to the mode that fits best, so that there is always one
    weight = load(work, NORM) * exp(-0.5 * (d2 - least))
    put_first(mu, 0, n_mode, weight * (1.0 / total(weight)))
    for at in range(0, SHEET, LANES):
        put(fitted, at, load(sheet, at))
    for n in range(D):
        y, u = load(work, Y_AT + n * LANES), U_AT + 6 * n * LANES
        k = 0
        for a in range(6):
            ua = load(work, u + a * LANES)
            put(fitted, MEAN + a * LANES, load(fitted, MEAN + a * LANES) + y * ua)
            for b in range(a + 1):
                at = COVARIANCE + k * LANES
                put(fitted, at, load(fitted, at) - ua * load(work, u + b * LANES))
                k += 1
    if weak >= 0:
        least_up = load(work, KEEP) * (WEAK_HEIGHT_SHARE * var[j, weak])
        up = load(fitted, COVARIANCE + 5 * LANES)
        put(fitted, COVARIANCE + 5 * LANES, choose(least_up, 0.0, higher(up, least_up), up))


@lean
def _collapse(q, sheets, muh, sheet, mu, mode_weight):
    """Per mode the moments of hypotheses with weights q float64[H], onto the sheet and into mu float64[M].

    ``mode_weight`` float64[8] is scratch. A mode of next to no weight keeps its own.
    """
    n_mode, n_h = mu.shape[0], q.shape[0]
    W = spread(0.0)
    x0, x1, x2, x3, x4, x5 = W, W, W, W, W, W
    for h in range(n_h):
        if q[h] > 0.0:
            w = q[h] * load_first(muh, h * n_mode, n_mode)
            W, at = W + w, h * SHEET + MEAN
            x0, x1 = x0 + w * load(sheets, at), x1 + w * load(sheets, at + LANES)
            x2, x3 = x2 + w * load(sheets, at + 2 * LANES), x3 + w * load(sheets, at + 3 * LANES)
            x4, x5 = x4 + w * load(sheets, at + 4 * LANES), x5 + w * load(sheets, at + 5 * LANES)
    inverse = choose(W, 1e-11, 1.0 / W, 0.0)
    put(mode_weight, 0, W)
    _keep(sheet, MEAN, W, x0 * inverse)
    _keep(sheet, MEAN + LANES, W, x1 * inverse)
    _keep(sheet, MEAN + 2 * LANES, W, x2 * inverse)
    _keep(sheet, MEAN + 3 * LANES, W, x3 * inverse)
    _keep(sheet, MEAN + 4 * LANES, W, x4 * inverse)
    _keep(sheet, MEAN + 5 * LANES, W, x5 * inverse)
    for at in range(COVARIANCE, SHEET, LANES):
        put(sheet, at, choose(W, 1e-11, 0.0, load(sheet, at)))
    for h in range(n_h):
        if q[h] > 0.0:
            w = q[h] * load_first(muh, h * n_mode, n_mode) * inverse
            k = 0
            for a in range(6):
                away = load(sheets, h * SHEET + MEAN + a * LANES) - load(sheet, MEAN + a * LANES)
                for b in range(a + 1):
                    other = load(sheets, h * SHEET + MEAN + b * LANES) - load(sheet, MEAN + b * LANES)
                    at = COVARIANCE + k * LANES
                    put(sheet, at, load(sheet, at) + w * (load(sheets, h * SHEET + at) + away * other))
                    k += 1
    total_w = 0.0
    for m in range(n_mode):
        mu[m] = max(mode_weight[m], 1e-12)
        total_w += mu[m]
    for m in range(n_mode):
        mu[m] /= total_w


@lean
def _keep(sheet, at, W, new):
    put(sheet, at, choose(W, 1e-11, new, load(sheet, at)))


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
