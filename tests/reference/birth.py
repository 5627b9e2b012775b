"""Twin of lowsky.kernels.birth, by drawing: what a plot's noise does to the position it stands for."""

import numpy as np


def born_of_radar(rng, z, sigma, origin, C, n):
    """Positions of ``n`` draws of (range, azimuth, elevation) around one plot, in the site's axes."""
    r, az, el = z[:3, None] + rng.normal(size=(3, n)) * np.asarray(sigma)[:3, None]
    local = np.stack((r * np.cos(el) * np.sin(az), r * np.cos(el) * np.cos(az), r * np.sin(el)))
    return (C.T @ local).T + origin


def born_of_report(z, var, origin, C, var_height, var_velocity):
    """Mean and covariance of a report, from its level frame into the site's."""
    s = var.copy()
    s[2] = var_height if np.isnan(z[2]) else s[2]
    missing = np.isnan(z[3:])
    s[3:][missing] = np.array([var_velocity[0], var_velocity[0], var_velocity[1]])[missing]
    turn = np.kron(np.eye(2), C.T)
    return np.concatenate((origin, C.T @ np.nan_to_num(z[3:]))), turn @ np.diag(s) @ turn.T
