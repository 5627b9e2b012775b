"""Twin of lowsky.kernels.motion."""

import numpy as np
from scipy.linalg import expm


def transition_matrix(G, dt):
    return expm(G * dt)


def merge_modes(x, P, mu):
    xm = mu @ x
    return xm, sum(m * (p + np.outer(a - xm, a - xm)) for m, p, a in zip(mu, P, x, strict=True))


def mix_modes(x, P, mu, Pi):
    mu_bar = Pi.T @ mu
    x_new, P_new = np.empty_like(x), np.empty_like(P)
    for k in range(len(mu)):
        w = Pi[:, k] * mu / mu_bar[k]
        x_new[k], P_new[k] = merge_modes(x, P, w)
    return x_new, P_new, mu_bar


def predict_cv(x, P, dt, q_horizontal, q_vertical):
    F = np.eye(6)
    F[:3, 3:] = dt * np.eye(3)
    q = np.diag([q_horizontal, q_horizontal, q_vertical])
    Q = np.block([[q * dt**3 / 3, q * dt**2 / 2], [q * dt**2 / 2, q * dt]])
    return F @ x, F @ P @ F.T + Q


def advance(x, P, dt, motion):
    """One mode through ``dt`` seconds: the matrix exponential of its differential equation, Q after Van Loan."""
    damping_h, q_h, damping_v, q_v, lateral, brake, *own = motion
    if brake:
        damping_h = min(damping_h, brake / np.hypot(x[3] - own[0], x[4] - own[1]))
    rate = lateral / max(np.hypot(x[3], x[4]), 3.0)
    straight = np.zeros((6, 6))
    straight[:3, 3:] = np.eye(3)
    straight[3:, 3:] = -np.diag([damping_h, damping_h, damping_v])
    turning = straight.copy()
    turning[3, 4], turning[4, 3] = -rate, rate
    rest = np.array([0, 0, 0, *own])  # velocity it returns to
    drift = np.array([*own, 0, 0, 0]) * dt
    F = expm(turning * dt)
    G = np.zeros((6, 6))
    G[3:, 3:] = np.diag([q_h, q_h, q_v])
    h = dt / 64  # doubled six times: over a long time the exponential of −A would drown Q
    loan = expm(np.block([[-straight, G], [np.zeros((6, 6)), straight.T]]) * h)
    Q = loan[6:, 6:].T @ loan[:6, 6:]
    for k in range(6):
        step = expm(straight * h * 2**k)
        Q = Q + step @ Q @ step.T
    return F @ (x - rest) + rest + drift, F @ P @ F.T + Q


def mix_joint(x, P, mu, share, dt, G, share_birth, forget):
    """Behaviour and mode as one chain: every pair (c, m) by itself, moments shared over behaviours."""
    joint = share * mu[:, None]  # [m, c]
    Pi = np.array([transition_matrix(g, dt) for g in G])
    flow = np.einsum("cmk,mc->mkc", Pi, joint)  # from m to k within c
    mu_bar = flow.sum(axis=(0, 2))
    x_new, P_new = np.empty_like(x), np.empty_like(P)
    for k in range(len(mu)):
        x_new[k], P_new[k] = merge_modes(x, P, flow[:, k].sum(axis=1) / mu_bar[k])
    share_new = flow.sum(axis=0) / mu_bar[:, None]
    return x_new, P_new, mu_bar, (1.0 - forget) * share_new + forget * share_birth


def predict_tracks(x, P, mu, share, dt, G, motion, share_birth, forget_rate):
    """One track through ``dt`` seconds: mixing, then every mode."""
    x, P, mu, share = mix_joint(x, P, mu, share, dt, G, share_birth, 1.0 - np.exp(-forget_rate * dt))
    steps = [advance(x[m], P[m], dt, motion[m]) for m in range(len(mu))]
    return np.array([s[0] for s in steps]), np.array([s[1] for s in steps]), mu, share


def settle(x, P, mu, var_floor, var_ceiling):
    """Diagonals within bounds, correlations kept where a row is capped; then (merged P, is it a state)."""
    P = P.copy()
    bounds = np.repeat(np.array([var_floor, var_ceiling]).T, 3, axis=0)
    for m in range(len(mu)):
        for a in range(6):
            low, high = bounds[a]
            if P[m, a, a] > high:
                D = np.eye(6)
                D[a, a] = np.sqrt(high / P[m, a, a])
                P[m] = D @ P[m] @ D
            elif P[m, a, a] < low:
                P[m, a, a] = low
    xm, Pm = merge_modes(x, P, mu)
    good = np.isfinite(xm).all() and np.isfinite(Pm).all()
    return P, bool(good and np.linalg.eigvalsh(Pm).min() > 0)
