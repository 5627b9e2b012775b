"""Twin of lowsky.kernels.zones: distances by dense points along the edges, inside by the winding angle; paths one by
one."""

from itertools import pairwise

import numpy as np


def away_m(point, corners, is_area, reach_m):
    """Signed level distance, good to a few centimetres."""
    point, corners = np.asarray(point, float), np.asarray(corners, float)
    ends = np.vstack((corners, corners[:1])) if is_area else corners
    if len(ends) == 1:
        best = np.linalg.norm(point - ends[0])
    else:
        share = np.linspace(0.0, 1.0, 20_001)[:, None]
        best = min(np.linalg.norm(a + share * (b - a) - point, axis=1).min() for a, b in pairwise(ends))
    if not is_area:
        return best - reach_m
    angle = np.arctan2(*(ends - point).T[::-1])
    turned = np.diff(angle)
    turned = (turned + np.pi) % (2 * np.pi) - np.pi
    return -best if abs(turned.sum()) > np.pi else best


def paths(x, L, on_its_way, hovers, habits, normals, uniforms, step_s, steps):
    """float64[K, steps + 1, 3]: each path as legs, whose ends are found first and which are then looked up."""
    out = np.empty((len(normals), steps + 1, 3))
    t = step_s * np.arange(steps + 1)
    for path, n, u in zip(out, normals, uniforms):
        own = int(u[0, 0] >= on_its_way)
        wander_h, wander_v, lasts_s, stands, turns, stand_s, turn_s, sideways, push = habits[own]
        state = x + L @ n[:6]
        velocity, standing = state[3] + 1j * state[4], own == 1 and u[0, 1] < hovers
        begin_s, place, legs = 0.0, state[0] + 1j * state[1], []
        end_s = -np.log(u[0, 2]) * (stand_s if standing else lasts_s)
        event = 0
        while True:
            legs.append((begin_s, end_s, place, velocity))
            if end_s > t[-1]:
                break
            which, size, side, then = u[1 + event % (len(u) - 1)]
            event += 1
            place += (end_s - begin_s) * velocity
            if standing or which >= stands + turns:
                velocity += push * np.sqrt(-2 * np.log(size)) * np.exp(2j * np.pi * side)
                standing = False
            elif which < stands:
                velocity, standing = 0j, True
            else:
                turn = -np.log(size) * turn_s * sideways / max(abs(velocity), 3.0)
                velocity *= np.exp((1j if side < 0.5 else -1j) * turn)
            begin_s, end_s = end_s, end_s - np.log(then) * (stand_s if standing else lasts_s)
        for k, now in enumerate(t):
            b, _, p, v = next(leg for leg in legs if leg[0] <= now <= leg[1])
            there = p + (now - b) * v
            level = np.array([there.real, there.imag]) + now**1.5 * wander_h * n[6:8]
            path[k] = *level, state[2] + now * state[5] + now**1.5 * wander_v * n[8]
    return out


def entry(ways, times_s, is_in):
    """Share of the paths that are in at any time, and the median of when."""
    first = [next((t for t, place in zip(times_s, way) if is_in(place)), np.inf) for way in ways]
    return np.mean(np.isfinite(first)), np.sort(first)[(len(first) - 1) // 2]


def crosses(corners):
    """Does any edge cross another: one pair of lines after the other, solved for where they meet."""
    ends = list(pairwise([*map(tuple, corners), tuple(corners[0])]))
    for i, (a, b) in enumerate(ends):
        for c, d in ends[i + 1 :]:
            a, b, c, d = map(np.asarray, (a, b, c, d))
            M = np.column_stack((b - a, c - d))
            if abs(np.linalg.det(M)) > 1e-9:
                s, t = np.linalg.solve(M, c - a)
                if 1e-9 < s < 1 - 1e-9 and 1e-9 < t < 1 - 1e-9:
                    return True
    return False
