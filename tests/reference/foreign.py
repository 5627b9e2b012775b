"""Slow twin of ``lowsky.kernels.foreign``: the difference of two informations."""

import numpy as np

from lowsky.kernels.foreign import CORRELATION


def tracklets(before, var_before, dt_s, var, origin, C, inflation, least, jump, z, moved):
    """One axis at a time: difference of two informations, and of two information vectors."""
    z[:], moved[:] = np.nan, False
    for k, dt in enumerate(dt_s):
        F = np.array([[1.0, dt], [0.0, 1.0]])
        ahead = C[k] @ (before[k, :3] + dt * before[k, 3:] - origin[k])
        for a in range(3):
            p, v = var_before[k, a], var_before[k, a + 3]
            both = CORRELATION * np.sqrt(p * v)
            q = inflation * np.sqrt(v**3 / (2.0 * p))
            P = F @ np.array([[p, both], [both, v]]) @ F.T + q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
            information = 1.0 / var[k, a] - 1.0 / P[0, 0]
            if information * var[k, a] > least:
                moved[k] |= bool(abs(ahead[a]) > jump * np.sqrt(P[0, 0] - var[k, a]))
                z[k, a] = (0.0 / var[k, a] - ahead[a] / P[0, 0]) / information
                var[k, a] = 1.0 / information
