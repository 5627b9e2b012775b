"""Twin of lowsky.kernels.observe: h(x) from the definitions, derivatives by differences."""

import numpy as np
from scipy.stats import norm

RADAR, BEARING, REPORT = 1, 2, 3
EARTH_RADIUS_M = 6_371_008.8


def retard(d, u, wind, sound_mps):
    """Seconds the sound was under way: the way over its speed, put in again and again."""
    tau = 0.0
    for _ in range(200):
        way = d - u * tau
        tau = np.linalg.norm(way) / (sound_mps - wind @ way / np.linalg.norm(way))
    return tau


def observe(kind, x, dt, origin, C, height):
    """h(x) of every component of the kind, without second-order terms."""
    d = C @ (x[:3] + dt * x[3:] - origin[:3])
    u = C @ x[3:]
    if kind == BEARING and len(origin) == 9 and origin[3] > 0.0:
        d = d - u * retard(d, u, C[:, :2] @ origin[4:6], origin[3])
    if kind == REPORT:
        return np.concatenate((d, u))
    r, rho = np.linalg.norm(d), np.hypot(d[0], d[1])
    azimuth, elevation = np.arctan2(d[0], d[1]), np.arctan2(d[2], rho) + r / (8 * EARTH_RADIUS_M)
    if kind == BEARING:
        return np.array([azimuth, elevation, np.log(r)])
    return np.array([r, azimuth, elevation, d @ u / r, height + d[2] + rho**2 / (2 * EARTH_RADIUS_M)])


def jacobian(kind, x, dt, origin, C, height):
    """Central differences, 0.1 m and 0.1 m/s wide."""
    columns = []
    for a in range(6):
        step = np.zeros(6)
        step[a] = 0.05
        columns.append(observe(kind, x + step, dt, origin, C, height) - observe(kind, x - step, dt, origin, C, height))
    return np.array(columns).T / 0.1


def range_second_order(x, P, dt, origin):
    """Mean shift of range, P_across / 2r, and its variance, ½ (P_across / r)²."""
    d = x[:3] + dt * x[3:] - origin[:3]
    r = np.linalg.norm(d)
    across = np.trace(P[:3, :3]) - d @ P[:3, :3] @ d / r**2
    return 0.5 * across / r, 0.5 * (across / r) ** 2


def ground_variance(elevation, var_state, var, low, times):
    """What is to be added to a variance of elevation that is ``times``² as large below ``low``, on average."""
    return (times**2 - 1) * var * norm.cdf(low, elevation, np.sqrt(var_state))
