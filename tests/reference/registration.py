"""Twin of lowsky.kernels.registration: the joint update in Joseph form derivatives by differences; votes by sets."""

import numpy as np

from tests.reference.observe import RADAR, observe, range_second_order

ANGLES = {1: (1, 2), 2: (0, 1), 3: ()}
USED = {1: 4, 2: 2, 3: 6}


def predict_joint(x, P, dt, q_horizontal, q_vertical):
    """Mean and covariance after Δ: F x, F P Fᵀ + Q."""
    F, Q = np.eye(len(x)), np.zeros((len(x), len(x)))
    for a, q in enumerate((q_horizontal, q_horizontal, q_vertical)):
        F[a, a + 3] = dt
        Q[np.ix_((a, a + 3), (a, a + 3))] = q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    return F @ x, F @ P @ F.T + Q


def observe_joint(kind, x, dt, origin, C, height):
    """The row a sensor with errors x[6:] states of the object x[:6], without second-order terms."""
    if kind == 3:
        return observe(kind, x[:6], dt, origin, C, height)
    b = x[6:]
    moved = x[:6] + np.array([b[4], b[5], 0, 0, 0, 0])
    z = observe(kind, moved, dt - b[3], origin, C, height)[: USED[kind]]
    return z + (np.array([b[0], b[1], b[2], 0.0]) if kind == RADAR else b[1:3])


def condition_joint(kind, x, P, z, var, dt, origin, C, height):
    """Posterior mean, covariance and d² of one row (no pressure altitude)."""
    z_pred = observe_joint(kind, x, dt, origin, C, height)
    steps = np.full(len(x), 0.05)
    steps[7:9] = 1e-5
    H = np.array(
        [
            observe_joint(kind, x + s * e, dt, origin, C, height)
            - observe_joint(kind, x - s * e, dt, origin, C, height)
            for s, e in zip(steps, np.eye(len(x)), strict=True)
        ]
    ).T / (2 * steps)
    R = np.diag(var[: len(z_pred)])
    if kind == RADAR:
        moved = x[:6] + np.array([x[10], x[11], 0, 0, 0, 0])
        shift, extra = range_second_order(moved, P[:6, :6], dt - x[9], origin)
        z_pred[0] += shift
        R[0, 0] += extra
    use = np.flatnonzero(np.isfinite(z[: len(z_pred)]))
    nu = z[use] - z_pred[use]
    for at, k in enumerate(use):
        if k in ANGLES[kind]:
            nu[at] = (nu[at] + np.pi) % (2 * np.pi) - np.pi
    H, R = H[use], R[np.ix_(use, use)]
    S = H @ P @ H.T + R
    K = P @ H.T @ np.linalg.inv(S)
    A = np.eye(len(x)) - K @ H
    return x + K @ nu, A @ P @ A.T + K @ R @ K.T, nu @ np.linalg.solve(S, nu)


def in_view(t_row_ns, t_ns, n_seen, x, least, age_ns, margin_m, steepest, limits, origin, C):
    """Slots of fresh references well inside a sensor's limits."""
    d = (x[:, :3] - origin) @ C.T
    r, elevation = np.linalg.norm(d, axis=1), np.arctan2(d[:, 2], np.hypot(d[:, 0], d[:, 1]))
    azimuth = (np.arctan2(d[:, 0], d[:, 1]) - limits[2]) % (2 * np.pi)
    fresh = (t_ns > 0) & (n_seen >= least) & (np.abs(t_row_ns - t_ns) <= age_ns)
    inside = (r > limits[0] + margin_m) & (r < limits[1] - margin_m) & (azimuth <= limits[3] - limits[2])
    return np.flatnonzero(fresh & inside & (elevation >= limits[4]) & (elevation <= min(limits[5], steepest)))


def vote(slot, look, nu, move, reach, times_s):
    """Most distinct (slot, look) that agree with one candidate as centre, over all times and centres."""
    best = 0
    for t in times_s:
        said = nu + move * t
        for centre in said:
            far = said - centre
            far[:, 1:] = (far[:, 1:] + np.pi) % (2 * np.pi) - np.pi
            near = ((np.abs(far) <= reach) | np.isnan(far)).all(axis=1)
            best = max(best, len(set(zip(slot[near].tolist(), look[near].tolist(), strict=True))))
    return best


def begin_reference(z, var, origin, C, var_velocity):
    """State and covariance of a report that stands alone."""
    said = np.isfinite(z[3:])
    velocity = C.T @ np.where(said, z[3:], 0.0)
    P = np.zeros((6, 6))
    P[:3, :3] = C.T @ np.diag(var[:3]) @ C
    P[3:, 3:] = C.T @ np.diag(np.where(said, var[3:], var_velocity)) @ C
    return np.concatenate((origin, velocity)), P
