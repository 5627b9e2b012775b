"""Twin of lowsky.kernels.rays: shells, crossings by Gauss-Newton with differences, mixtures in plain NumPy."""

import numpy as np

from tests.reference.observe import BEARING, jacobian, observe


def shells(z, var, origin, C, reach, ratio, width, height_prior):
    """Means float64[n, 3], position covariances float64[n, 3, 3] and weights of the Gaussians along one ray."""
    n = int(np.ceil(np.log(reach[1] / reach[0]) / np.log(ratio) - 1e-9))
    far = reach[0] * ratio ** (np.arange(n) + 0.5)
    along = np.array([np.sin(z[0]), np.cos(z[0]), 0.0])
    across, up = np.array([along[1], -along[0], 0.0]), np.array([0.0, 0.0, 1.0])
    means, covariances, weights = [], [], []
    for R in far:
        if np.isfinite(z[1]):
            elevation = z[1] - R / (8 * 6_371_008.8)
            rho, height, sigma_up = R * np.cos(elevation), R * np.sin(elevation), R * np.cos(elevation) * var[1] ** 0.5
            ray = along + np.tan(elevation) * up
            weights.append(R**3)
        else:
            rho, height, ray = R, height_prior[0], along
            sigma_up = np.hypot(height_prior[1], height_prior[2] * R)
            weights.append(R**2)
        directions = np.array([ray * width * R, across * rho * var[0] ** 0.5, up * sigma_up]) @ C
        means.append(origin + C.T @ (rho * along + height * up))
        covariances.append(directions.T @ directions + np.eye(3))
    return np.array(means), np.array(covariances), np.array(weights) / sum(weights)


def cross(x, P, z, var, dt, origin, C, rounds=5):
    """Posterior mean and covariance and ln L of one bearing, linearised anew at each crossing found."""
    used = np.flatnonzero(np.isfinite(z[:3]))
    at, R = x.copy(), np.diag(var[used])
    for _ in range(rounds):
        H = jacobian(BEARING, at, dt, origin, C, 0.0)[used]
        nu = z[used] - observe(BEARING, at, dt, origin, C, 0.0)[used]
        nu = np.where(used < 2, (nu + np.pi) % (2 * np.pi) - np.pi, nu)
        nu = nu - H @ (x - at)
        S = H @ P @ H.T + R
        K = P @ H.T @ np.linalg.inv(S)
        at = x + K @ nu
    log_l = -0.5 * (nu @ np.linalg.solve(S, nu) + np.linalg.slogdet(2 * np.pi * S)[1])
    return at, P - K @ S @ K.T, log_l


def predict_rays(x, P, r, on, dt, q, survival_rate, rates):
    """One Gaussian of one ray: moments, existence, and whether it emits, by many small steps of its chain."""
    F, Q = np.eye(6), np.zeros((6, 6))
    F[:3, 3:] = dt * np.eye(3)
    for a in range(3):
        density = q[1] if a == 2 else q[0]
        Q[np.ix_([a, a + 3], [a, a + 3])] = density * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    steps = 20_000
    for _ in range(steps):
        on += (rates[1] * (1 - on) - rates[0] * on) * dt / steps
    return F @ x, F @ P @ F.T + Q, r * np.exp(-survival_rate * dt), on


def reduce_mixture(xs, Ps, ws, most, same2):
    """Heaviest first; each takes in those near it. List of (weight, mean, covariance)."""
    left, out = list(range(len(ws))), []
    while left and len(out) < most:
        top = max(left, key=lambda s: ws[s])
        inverse = np.linalg.inv(Ps[top][:3, :3])
        near = [s for s in left if (xs[s] - xs[top])[:3] @ inverse @ (xs[s] - xs[top])[:3] < same2]
        w = ws[near] / ws[near].sum()
        mean = w @ xs[near]
        cov = sum(a * (Ps[s] + np.outer(xs[s] - mean, xs[s] - mean)) for a, s in zip(w, near, strict=True))
        out.append((ws[near].sum(), mean, cov))
        left = [s for s in left if s not in near]
    total = sum(w for w, _, _ in out)
    return [(w / total, m, c) for w, m, c in out]


def update_ray(x, P, w_miss, w_rows, rows, most, same2, crossing):
    """Every Gaussian unseen and with each row, with their weights, made fewer; ``crossing`` is ``cross`` of its kind
    (given by the caller, so that rounding does not decide which two are near)."""
    xs, Ps, ws = list(x), list(P), list(w_miss)
    for j, (z, var) in enumerate(rows):
        for k in range(len(x)):
            if w_rows[k, j] > 0.0:
                mean, cov = crossing(x[k], P[k], z, var)
                xs.append(mean)
                Ps.append(cov)
                ws.append(w_rows[k, j])
    return reduce_mixture(np.array(xs), np.array(Ps), np.array(ws), most, same2)


def ray_places(w, x, P, sensors, one_weight, one_share, narrow_share):
    """One ray: mean, covariance and whether it is a place; ``sensors`` are the places of those that heard it."""
    mean = w @ x
    cov = sum(a * (p + np.outer(m - mean, m - mean)) for a, m, p in zip(w, x, P, strict=True))
    far = min(np.linalg.norm(mean[:3] - s) for s in sensors)
    sigma = np.linalg.eigvalsh(cov[:2, :2])[1] ** 0.5
    return mean, cov, (w.max() > one_weight and sigma < one_share * far) or sigma < narrow_share * far
