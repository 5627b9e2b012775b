"""Twin of lowsky.kernels.update: the joint EKF update in Joseph form, hypotheses one at a time."""

import numpy as np
from scipy.stats import multivariate_normal

from tests.reference.motion import predict_tracks
from tests.reference.observe import RADAR, ground_variance, jacobian, observe, range_second_order

ANGLES = {1: (1, 2), 2: (0, 1), 3: ()}


def condition(kind, x, P, z, var, dt, origin, C, height):
    """Posterior mean and covariance, d² and log-likelihood of one row. (No pressure altitude.)"""
    z_pred, H = observe(kind, x, dt, origin, C, height), jacobian(kind, x, dt, origin, C, height)
    extra = np.zeros(len(z_pred))
    if kind == RADAR:
        shift, extra[0] = range_second_order(x, P, dt, origin)
        z_pred[0] += shift
        if len(origin) == 9:
            extra[2] = ground_variance(z_pred[2], H[2] @ P @ H[2], var[2], origin[3], origin[4])
    used = [k for k in range(len(z_pred)) if np.isfinite(z[k])]
    nu = z[used] - z_pred[used]
    for at, k in enumerate(used):
        if k in ANGLES[kind]:
            nu[at] = (nu[at] + np.pi) % (2 * np.pi) - np.pi
    H, R = H[used], np.diag(var[used] + extra[used])
    S = H @ P @ H.T + R
    K = P @ H.T @ np.linalg.inv(S)
    A = np.eye(6) - K @ H
    d2 = nu @ np.linalg.solve(S, nu)
    log_likelihood = multivariate_normal.logpdf(nu, np.zeros(len(nu)), S)
    return x + K @ nu, A @ P @ A.T + K @ R @ K.T, d2, log_likelihood


def tailed(x, P, z, var, dt, origin, C, share, times):
    """Mean, covariance and ln L of one bearing whose noise is a mixture: both Gaussians in full, then their moments."""
    parts = [condition(2, x, P, z, v, dt, origin, C, 0.0) for v in (var, var * times**2)]
    logs = np.array([parts[0][3] + np.log(1.0 - share), parts[1][3] + np.log(share)])
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    mean = sum(w * p[0] for w, p in zip(weight, parts, strict=True))
    P_new = sum(w * (p[1] + np.outer(p[0] - mean, p[0] - mean)) for w, p in zip(weight, parts, strict=True))
    return mean, P_new, np.logaddexp(*logs)


def update_tracks(kind, x, P, mu, rows, p_rows, p_miss, dt, origin, C, height):
    """Modes of one track after weighted hypotheses: (mode probabilities, means, covariances)."""
    hypotheses = [(p_miss, mu, x, P)]
    for (z, var), p in zip(rows, p_rows, strict=True):
        parts = [condition(kind, x[m], P[m], z, var, dt, origin, C, height) for m in range(len(mu))]
        weight = mu * np.exp([part[3] for part in parts])
        hypotheses.append((p, weight / weight.sum(), np.array([a[0] for a in parts]), np.array([a[1] for a in parts])))
    total = sum(h[0] for h in hypotheses)
    W = np.maximum(sum(p / total * m for p, m, _, _ in hypotheses), 1e-300)  # a mode may be impossible
    x_new, P_new = np.zeros_like(x), np.zeros_like(P)
    for m in range(len(mu)):
        weights = [p / total * mode[m] / W[m] for p, mode, _, _ in hypotheses]
        x_new[m] = sum(w * h[2][m] for w, h in zip(weights, hypotheses, strict=True))
        P_new[m] = sum(
            w * (h[3][m] + np.outer(h[2][m] - x_new[m], h[2][m] - x_new[m]))
            for w, h in zip(weights, hypotheses, strict=True)
        )
    return W, x_new, P_new


def weigh_edges(kind, x, P, mu, z, var, dt, origin, C, height):
    """ln Σ_m μ_m N(z; ẑ_m, S_m) of one pair, gate or no gate."""
    parts = [condition(kind, x[m], P[m], z, var, dt, origin, C, height)[3] for m in range(len(mu))]
    return np.log(np.sum(mu * np.exp(parts)))


def restart(z, var, C, origin):
    """Position, velocity and their variances of a report that says everything."""
    return np.concatenate((origin, C.T @ z[3:])), var


def update_assigned(x, P, mu, share, dt, G, motion, share_birth, forget_rate, z, var, origin, C):
    """One report of a named track: predicted, then one certain row."""
    x, P, mu, _ = predict_tracks(x, P, mu, share, dt, G, motion, share_birth, forget_rate)
    return update_tracks(3, x, P, mu, [(z, var)], [1.0], 0.0, 0.0, origin, C, 0.0)


def alike(z, var, weak_height, frame_of_row):
    """Numbers of rows: the predecessor's or the first's where they agree, else a new one."""
    keys = [(*np.isfinite(a), *b, c, d) for a, b, c, d in zip(z, var, weak_height, frame_of_row, strict=True)]
    numbers = [0]
    for j in range(1, len(keys)):
        if keys[j] == keys[j - 1]:
            numbers.append(numbers[-1])
        else:
            numbers.append(0 if keys[j] == keys[0] else max(numbers) + 1)
    return numbers


def is_near(x, m, ref, per_rho2, kind, var):
    """What one mode's derivatives leave out of another's prediction, over each component's σ: all at most 2 %."""
    far, fast, rho = np.linalg.norm(x[m, :3] - x[ref, :3]), np.linalg.norm(x[m, 3:] - x[ref, 3:]), per_rho2**-0.5
    left_out = [far**2 / rho**2] * 2 if kind == 2 else [far**2 / (2 * rho), *[far**2 / rho**2] * 2, far * fast / rho]
    return bool((np.array(left_out) <= 0.02 * np.sqrt(var[: len(left_out)])).all())
