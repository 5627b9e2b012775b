"""Slow twins of ``lowsky.kernels.claims``: one number at a time, NumPy and SciPy only. Never optimised."""

import numpy as np
from scipy.stats import multivariate_normal, norm

from tests.reference.observe import observe, range_second_order

RADAR, BEARING = 1, 2


def follow_claims(reports, law):
    """Reports (claim, t_s, place, velocity or None, σ² level) → of each ("main" | "other", moved), and the claims."""
    claims, out = {}, []
    for name, t, place, velocity, var in reports:
        place, velocity = np.asarray(place, float), None if velocity is None else np.asarray(velocity, float)
        claim = claims.get(name)
        if claim is None or t - claim["t"] > law[3]:
            v = np.zeros(3) if velocity is None else velocity
            claims[name] = {"t": t, "p": place, "v": v, "var": var, "other": None, "last": "main", "swaps": 0,
                            "twin": claim["twin"] if claim else False}  # fmt: skip
            out.append(("main", False))
            continue
        if claim["other"] is not None and t - claim["other"]["t"] > law[4]:
            claim.update(other=None, last="main", swaps=0)

        def fits(p, v, dt, claim=claim, place=place, velocity=velocity, var=var):
            speed = max(np.hypot(*v[:2]), 0.0 if velocity is None else np.hypot(*velocity[:2]))
            reach = law[0] + 4 * np.sqrt(claim["var"] + var) + law[1] * speed + 0.5 * law[2] * dt**2
            return np.hypot(*(place - p - dt * v)[:2]) <= reach

        def carried(p, v, dt, place=place, velocity=velocity):
            if velocity is not None:
                return velocity
            return v + 0.5 * ((place - p) / dt - v) if dt > 0.2 else v

        dt, what, moved = t - claim["t"], "main", False
        if fits(claim["p"], claim["v"], dt):
            claim["swaps"] += claim["last"] == "other"
            claim["last"] = "main"
            if dt > 0.0:
                claim.update(v=carried(claim["p"], claim["v"], dt), p=place, t=t, var=var)
        elif dt > -2.0 * law[1]:
            what, other = "other", claim["other"]
            if other is not None and t >= other["t"] and fits(other["p"], other["v"], t - other["t"]):
                v = carried(other["p"], other["v"], t - other["t"])
                other = {"p": place, "v": v, "t": t, "n": other["n"] + 1}
            else:
                v = claim["v"] if velocity is None else velocity
                other = {"p": place, "v": v, "t": t, "n": 1}
                claim["swaps"] = 0
            claim["other"] = other
            claim["swaps"] += claim["last"] == "main"
            if claim["last"] == "other" and other["n"] > 1 and not claim["twin"]:
                what, moved = "main", True
                claim["other"] = {"p": claim["p"], "v": claim["v"], "t": claim["t"], "n": 9}
                claim.update(p=other["p"], v=other["v"], t=other["t"], last="main")
            else:
                claim["last"] = "other"
        claim["twin"] = claim["twin"] or claim["swaps"] >= 4
        out.append((what, moved))
    return out, claims


def repeats(said, least, remembered):
    """Keys of one identity with places, in order → for each whether a recording is being played again.

    By looking, for each word, for the longest run behind it that stood once before.
    """
    words, out = [], []
    run, lag, way, before = 0, 0, 0.0, None
    for key, place in said:
        if words and words[-1][0] == key:
            out.append(False)
            continue
        if lag and words[-lag][0] == key:
            run += 1
            way += float(np.hypot(place[0] - before[0], place[1] - before[1]))
        else:
            run, lag, way = 0, 0, 0.0
            for back in range(int(least[2]), min(len(words), remembered) + 1):
                if words[-back][0] == key:
                    run, lag = 1, back
                    break
        before = place
        out.append(run >= least[0] and way >= least[1])
        words.append((key, place))
    return out


def claim_covariance(x, var, dt, wide):
    level, up = max(var[0], wide[0] ** 2), max(var[1], wide[1] ** 2)
    grown = var[2] * dt**2 + 0.25 * wide[3] ** 2 * dt**4
    P = np.zeros((6, 6))
    P[:3, :3] = np.diag([level, level, up]) + grown * np.eye(3) + wide[2] ** 2 * np.outer(x[3:], x[3:])
    P[3:, 3:] = (var[2] + (wide[3] * dt) ** 2) * np.eye(3)
    return P


def derivative(f, x, steps):
    columns = []
    for a in range(len(x)):
        e = np.zeros(len(x))
        e[a] = steps[a]
        columns.append((f(x + e) - f(x - e)) / (2.0 * steps[a]))
    return np.array(columns).T


def turned(kind, nu):
    nu = np.array(nu, float)
    angles = slice(1, 3) if kind == RADAR else slice(0, 2)
    nu[angles] = (nu[angles] + np.pi) % (2 * np.pi) - np.pi
    return nu


def predicted(kind, x, dt, origin, C, n):
    """h of a state ``dt`` s later, without the second-order terms of range; n components."""
    return np.asarray(observe(kind, x, dt, origin, C, 0.0))[:n]


def second_order(kind, x, P, dt, origin, n):
    """Mean and variance that a range has more, by components."""
    mean, var = range_second_order(x, P, dt, origin) if kind == RADAR else (0.0, 0.0)
    return np.eye(n)[0] * mean, np.eye(n)[0] * var


def log_density(kind, x, z, var, dt, origin, C, P, P_error):
    """ln N(z; h, S), derivatives by differences."""
    n = 4 if kind == RADAR else 2
    use = np.flatnonzero(np.isfinite(z[:n]))
    H = derivative(lambda s: predicted(kind, s, dt, origin, C, n), x, [0.1] * 3 + [0.01] * 3)

    def with_errors(beta):
        moved = x.copy()
        moved[:3] += np.array([beta[4], beta[5], 0.0]) - beta[3] * x[3:]
        out = predicted(kind, moved, dt, origin, C, n)
        if kind == RADAR:
            out[:3] += beta[:3]
        else:
            out[:2] += beta[1:3]
        return out

    J = derivative(with_errors, np.zeros(6), [0.1, 1e-5, 1e-5, 1e-3, 0.1, 0.1])
    shift, more = second_order(kind, x, P, dt, origin, n)
    S = H @ P @ H.T + J @ P_error @ J.T + np.diag(var[:n] + more)
    nu = turned(kind, z[:n] - predicted(kind, x, dt, origin, C, n) - shift)
    return multivariate_normal.logpdf(nu[use], np.zeros(len(use)), S[np.ix_(use, use)])


def look_at_claims(kind, claims, rows, rho, owner, own, origin, C, P_error, wide):
    """Σ N/ρ of each claim; claims: (t_s, x, var); rows: (t_s, z, var)."""
    out = []
    for (t, x, var), mine in zip(claims, own, strict=True):
        total = 0.0
        for (t_row, z, var_row), density, of in zip(rows, rho, owner, strict=True):
            if of in (-1, mine):
                P = claim_covariance(x, var, 0.0, wide)
                total += np.exp(log_density(kind, x, z, var_row, t_row - t, origin, C, P, P_error)) / density
        out.append(total)
    return np.array(out)


def take_offsets(kind, x, var, z, var_row, weight, dt, origin, C, wide):
    """Information (J, y) of one row on the offset."""
    n = 3 if kind == RADAR else 2
    H = derivative(lambda p: predicted(kind, np.concatenate((p, x[3:])), dt, origin, C, n), x[:3].copy(), [0.1] * 3)
    shift, more = second_order(kind, x, claim_covariance(x, var, dt, wide), dt, origin, n)
    nu = turned(kind, z[:n] - predicted(kind, x, dt, origin, C, n) - shift)
    grown = var[2] * dt**2 + 0.25 * wide[3] ** 2 * dt**4
    W = np.diag([var[0] + grown, var[0] + grown, var[1] + grown])
    J, y = np.zeros((3, 3)), np.zeros(3)
    for k in np.flatnonzero(np.isfinite(z[:n])):
        R = var_row[k] + more[k] + H[k] @ W @ H[k]
        J += weight * np.outer(H[k], H[k]) / R
        y += weight * H[k] * nu[k] / R
    return J, y


def log_evidence(J, y, Sigma):
    """By completing the square: ln ∫ exp(yᵀd − ½ dᵀJd) N(d; 0, Σ) dd."""
    A = J + np.linalg.inv(Sigma)
    return 0.5 * y @ np.linalg.solve(A, y) - 0.5 * np.linalg.slogdet(A)[1] - 0.5 * np.linalg.slogdet(Sigma)[1]


def find_escorts(claim, tracks, S_true, law, wide):
    """Σ l elsewhere and here, the best track and its ln N(Δv)/q. claim: (x, var, age s); tracks: (x, P, age s)."""
    x, var, dt = claim
    place = x[:2] + dt * x[3:5]
    grown = (var[2] * dt**2 + 0.25 * wide[3] ** 2 * dt**4) * np.eye(2)
    near = [(k, xm, Pm, back) for k, (xm, Pm, back) in enumerate(tracks)
            if np.hypot(*(place - xm[:2] - back * xm[3:5])) <= law[1]]  # fmt: skip
    elsewhere, here, best, top, alike_best = 0.0, 0.0, -1, 0.0, 0.0
    normal = lambda d, S: multivariate_normal.pdf(d, np.zeros(2), S)  # noqa: E731
    for k, xm, Pm, back in near:
        s2 = 0.5 * (Pm[3, 3] + Pm[4, 4]) + var[2] + law[2] ** 2
        q = law[3] * normal(xm[3:5], (law[4] ** 2 + s2) * np.eye(2))
        q += (1 - law[3]) * normal(xm[3:5], (law[5] ** 2 + s2) * np.eye(2))
        alike = normal(x[3:5] - xm[3:5], s2 * np.eye(2)) / max(q, 1e-9 / (2.0 * np.pi))
        density = len(near) / (np.pi * law[1] ** 2)
        d = place - xm[:2] - back * xm[3:5]
        up = x[2] + dt * x[5] - xm[2] - back * xm[5]
        var_up = Pm[2, 2] + grown[0, 0] + S_true[2, 2]
        far = alike * normal(d, Pm[:2, :2] + grown + law[0] ** 2 * np.eye(2)) / density
        far *= law[7] * norm.pdf(up, 0.0, np.sqrt(var_up + law[6] ** 2))
        near_it = alike * normal(d, Pm[:2, :2] + grown + S_true[:2, :2]) / density
        elsewhere, here = elsewhere + far, here + near_it * law[7] * norm.pdf(up, 0.0, np.sqrt(var_up))
        if far > top:
            top, best, alike_best = far, k, np.log(alike)
    return elsewhere, here, best, alike_best
