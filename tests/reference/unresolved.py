"""Twins of lowsky.kernels.unresolved: cells laid at random, and every joint event one by one."""

from itertools import combinations, product

import numpy as np
from scipy.stats import multivariate_normal, norm


def overlap(distance, sigma, cell):
    """Mean of max(0, 1 − |d|/c) over d ~ N(distance, sigma²), by a fine sum."""
    if sigma == 0.0:
        return max(0.0, 1.0 - abs(distance) / cell)
    d = np.linspace(-cell, cell, 20001)
    return float(np.trapezoid(np.maximum(0.0, 1.0 - np.abs(d) / cell) * norm.pdf(d, distance, sigma), d))


def pair_overlap(xa, Pa, xb, Pb, origin, C, cell):
    """Overlap in range, azimuth and elevation, along unit vectors at the middle of the two."""
    d, step, cov = C @ ((xa + xb)[:3] / 2 - origin), C @ (xb - xa)[:3], C @ (Pa + Pb)[:3, :3] @ C.T
    r, rho = np.linalg.norm(d), np.hypot(d[0], d[1])
    axes = np.array([d / r, [d[1] / rho, -d[0] / rho, 0.0], np.cross([d[1] / rho, -d[0] / rho, 0.0], d / r)])
    widths = cell * np.array([1.0, rho, r])
    return [overlap(a @ step, np.sqrt(a @ cov @ a), w) if np.isfinite(w) else 1.0 for a, w in zip(axes, widths)]


def close_pairs(edges, p_edge, p_miss, is_strong, xm, Pm, gate, floor, claim):
    """Set of (first, second) that share a plot, and whose states agree."""
    found = set()
    for (a, ja, pa), (b, jb, pb) in combinations([(i, j, p) for (i, j), p in zip(edges, p_edge)], 2):
        if a > b:
            a, b = b, a
        if a == b or ja != jb or not (is_strong[a] and is_strong[b]) or max(pa, pb) < claim:
            continue
        if min(pa, pb) < claim and max(p_miss[a], p_miss[b]) < claim:
            continue
        delta = xm[a] - xm[b]
        if delta @ np.linalg.solve(Pm[a] + Pm[b] + np.diag(np.repeat(floor, 3) ** 2), delta) < gate:
            found.add((a, b))
    return found


def groups_of(first, second, joint, n_track, most):
    sets = [{i} for i in range(n_track)]
    for a, b, use in zip(first, second, joint):
        if use:
            one, two = (next(s for s in sets if i in s) for i in (a, b))
            if one is not two:
                sets.remove(two)
                one |= two
    group = np.full(n_track, -1)
    for k, members in enumerate(sorted((s for s in sets if 1 < len(s) <= most), key=min)):
        group[list(members)] = k
    return group


def share_plots(start, rows, log_alone, nu, HPH, z_finite, var, log_rho, log_seen, log_miss, same, most=0.98):
    """p_alone, p_shared, nu_shared, p_miss, p_free, apart by full enumeration."""
    n_t, n_r, n_e = len(start) - 1, len(log_rho), len(rows)
    p_alone, p_shared, nu_shared = np.zeros(n_e), np.zeros(n_e), np.zeros((n_e, 6))
    p_miss, p_free, apart, total = np.zeros(n_t), np.zeros(n_r), np.zeros((n_t, n_t)), 0.0
    for event in product(*[[None, *range(start[t], start[t + 1])] for t in range(n_t)]):
        plot = [None if e is None else rows[e] for e in event]
        weight = np.exp(sum(log_miss[t] if plot[t] is None else log_seen[t] for t in range(n_t)))
        of = {j: [t for t in range(n_t) if plot[t] == j] for j in range(n_r)}
        for j, members in of.items():
            edges = [event[t] for t in members]
            k = np.flatnonzero(z_finite[j])
            if not members:
                weight *= np.exp(log_rho[j])
            elif len(members) == 1:
                weight *= np.exp(log_alone[edges[0]])
            else:
                S = np.diag(var[j, k]) + HPH[edges][:, k][:, :, k].sum(axis=0) / len(edges) ** 2
                weight *= multivariate_normal.pdf(nu[edges][:, k].mean(axis=0), np.zeros(len(k)), S)
                for c in range(3):
                    weight *= min(most, *[same[a, b, c] for a, b in combinations(members, 2)])
        for a, b in combinations(range(n_t), 2):
            if plot[a] is not None and plot[b] is not None and plot[a] != plot[b]:
                weight *= 1.0 - min(most, same[a, b].prod())
        total += weight
        for t, e in enumerate(event):
            if e is None:
                p_miss[t] += weight
                continue
            members = of[plot[t]]
            if len(members) == 1:
                p_alone[e] += weight
            else:
                p_shared[e] += weight
                nu_shared[e] += weight * nu[[event[m] for m in members]].sum(axis=0)
            for b in range(n_t):
                apart[t, b] += weight * (plot[b] is not None and plot[b] != plot[t])
        for j, members in of.items():
            p_free[j] += weight * (not members)
    shift = z_finite[rows] * nu_shared / np.where(p_shared > 0.0, p_shared, 1.0)[:, None]
    return p_alone / total, p_shared / total, shift, p_miss / total, p_free / total, apart / total
