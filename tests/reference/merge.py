"""Twin of lowsky.kernels.merge."""

import numpy as np


def reach(xm, Pm, is_late, gate, floor):
    """√gate σ of each and of the widest, with what reports may lag, but no more than the greatest distance."""
    lag = floor[2] * np.abs(xm[:, 3:]).max() if is_late.any() else 0.0
    own = np.sqrt(gate * (np.maximum(Pm[:, 0, 0], Pm[:, 1, 1]) + 0.5 * (floor[0] ** 2 + lag**2)))
    return np.minimum(own + own.max(), floor[3])


def agreeing_pairs(xa, Pa, xb, Pb, dt_a, dt_b, lag_s, floor, gate):
    """Position and velocity of two tracks within the gate and within the greatest distance."""
    a, b = xa.copy(), xb.copy()
    a[:3] += dt_a * a[3:]
    b[:3] += dt_b * b[3:]
    delta = a - b
    lag = lag_s * max(np.abs(xa[3:]).max(), np.abs(xb[3:]).max())
    F = np.diag([floor[0] ** 2 + lag**2] * 3 + [floor[1] ** 2] * 3)
    close = np.linalg.norm(delta[:3]) <= floor[3]
    return bool(close and delta @ np.linalg.solve(Pa + Pb + F, delta) <= gate)
