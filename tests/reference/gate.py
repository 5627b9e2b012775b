"""Twin of lowsky.kernels.gate.pairs: every pair is looked at."""

import numpy as np


def pairs(u, v, half_u, half_v, row_u, row_v, periodic, skip_track, skip_row):
    """List of (track, row) within the box, in order."""
    found = []
    for i in range(len(u)):
        for j in range(len(row_u)):
            dv = row_v[j] - v[i]
            if periodic:
                dv = (dv + np.pi) % (2 * np.pi) - np.pi
            inside = abs(row_u[j] - u[i]) <= half_u[i] and abs(dv) <= half_v[i]
            if inside and not (skip_track[i] and skip_row[j]):
                found.append((i, j))
    return found


def place_rows(kind, z, var, t_ns, origin):
    """u, v; middle and half-width of the times; largest variances."""
    if kind == 3:
        u, v, most = origin[:, 0], origin[:, 1], (var[:, :2].max(),) * 2
    else:
        at = 1 if kind == 1 else 0
        u, v = z[:, 0] * (kind == 1), (z[:, at] + np.pi) % (2 * np.pi) - np.pi
        most = var[:, 0].max() * (kind == 1), var[:, at].max()
    return u, v, ((t_ns.min() + t_ns.max()) // 2, (t_ns.max() - t_ns.min()) / 2e9, *most)


def track_boxes(kind, x, P, dt, q_mean, origin, C, sigmas, var_uv):
    """Least half-widths a box must have: so many σ of the predicted range and azimuth, or east and north."""
    F = np.eye(6)
    F[:3, 3:] = dt * np.eye(3)
    moved = (F @ P @ F.T)[:3, :3] + q_mean * dt**3 / 3 * np.eye(3)
    d = C @ (x[:3] + dt * x[3:] - origin)
    if kind == 3:
        return sigmas * np.sqrt(np.diag(moved)[:2] + var_uv)
    r, rho = np.linalg.norm(d), np.hypot(d[0], d[1])
    along, across = C.T @ (d / r), C.T @ np.array([d[1], -d[0], 0.0]) / rho
    return sigmas * np.sqrt([along @ moved @ along + var_uv[0], across @ moved @ across / rho**2 + var_uv[1]])


def arc_of(angles):
    """Middle and half-width of the narrowest arc below half a circle that holds all angles; else the whole circle."""
    away = (np.asarray(angles) - angles[0] + np.pi) % (2 * np.pi) - np.pi
    if away.max() - away.min() >= np.pi - 1e-9:
        return 0.0, np.pi
    middle = angles[0] + (away.max() + away.min()) / 2
    return (middle + np.pi) % (2 * np.pi) - np.pi, (away.max() - away.min()) / 2
