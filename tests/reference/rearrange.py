"""Twins of lowsky.kernels.rearrange: the same sums by NumPy, the transport problem by linear programming."""

import numpy as np
from scipy.optimize import linprog


def deal_costs(mean, cov, x, P):
    cost = np.empty((len(mean), len(x)))
    for k, h in np.ndindex(cost.shape):
        inverse, d = np.linalg.inv(cov[k]), x[h] - mean[k]
        cost[k, h] = (np.linalg.slogdet(cov[k])[1] + np.trace(inverse @ P[h]) + d @ inverse @ d) / 2
    return cost


def moments(q, x, P):
    mean = q @ x
    away = x[None] - mean[:, None]
    return mean, np.einsum("kh,khab->kab", q, P[None] + away[..., :, None] * away[..., None, :])


def exchange(cost, w):
    """Least Σ q c with Σ_h q_k(h) = 1 and Σ_k q_k(h) = w_h."""
    n_k, n_h = cost.shape
    rows = np.kron(np.eye(n_k), np.ones(n_h))
    columns = np.kron(np.ones(n_k), np.eye(n_h))
    return linprog(cost.ravel(), A_eq=np.vstack((rows, columns)), b_eq=np.append(np.ones(n_k), w)).fun
