"""Zones over the ground: how far off a point is, and how probably an object will be inside within a time."""

import math

import numpy as np

from lowsky.constants import EARTH_MEAN_RADIUS_M
from lowsky.kernels.compiled import lean, njit

NEVER = 1e9
SLOWEST_TURN_MPS = 3.0
"""A turn's rate is lateral acceleration over speed; below this speed the rate grows no further."""


@njit
def away_m(e, n, corners, is_area, reach_m):
    """Level distance of a point from a zone, m; 0 or less inside (of an area: how deep).

    corners float64[M, 2]: of an area (``is_area``) the corners in either direction; else a line, or one point, and what
    lies within ``reach_m`` of it is inside. Twin in tests/reference.
    """
    m = corners.shape[0]
    best, inside = math.inf, False
    for k in range(m if is_area else max(m - 1, 1)):
        a0, a1 = corners[k, 0], corners[k, 1]
        b0, b1 = corners[(k + 1) % m, 0], corners[(k + 1) % m, 1]
        d0, d1 = b0 - a0, b1 - a1
        length2 = d0 * d0 + d1 * d1
        along = 0.0 if length2 == 0.0 else min(max(((e - a0) * d0 + (n - a1) * d1) / length2, 0.0), 1.0)
        best = min(best, math.hypot(e - a0 - along * d0, n - a1 - along * d1))
        if is_area and (a1 > n) != (b1 > n) and e < a0 + (n - a1) * d0 / d1:
            inside = not inside
    if is_area:
        return -best if inside else best
    return best - reach_m


@lean
def away_by_runs_m(e, n, corners, is_area, reach_m, runs):
    """``away_m``, which is its twin, of a line with many corners: only runs of edges that may be the nearest, or may be
    crossed on the way east, are looked at one by one.

    runs float64[B, 6]: least and greatest east and north of a run of edges that follow each other, and the numbers of
    its first edge and of the one behind its last. All edges are in one of them.
    """
    m, nearest, least = corners.shape[0], 0, math.inf
    for r in range(runs.shape[0]):
        beside_e = max(runs[r, 0] - e, e - runs[r, 1], 0.0)
        beside_n = max(runs[r, 2] - n, n - runs[r, 3], 0.0)
        away2 = beside_e * beside_e + beside_n * beside_n
        if away2 < least:
            nearest, least = r, away2
    best2, inside = math.inf, False
    for turn in range(runs.shape[0] + 1):
        r = nearest if turn == 0 else turn - 1
        if turn > 0 and r == nearest:
            continue
        beside_e = max(runs[r, 0] - e, e - runs[r, 1], 0.0)
        beside_n = max(runs[r, 2] - n, n - runs[r, 3], 0.0)
        is_beside = n < runs[r, 2] or n > runs[r, 3] or e > runs[r, 1]  # the way east from the point does not meet it
        first, last = int(runs[r, 4]), int(runs[r, 5])
        if beside_e * beside_e + beside_n * beside_n >= best2:
            if not is_area or is_beside:
                continue
            if e < runs[r, 0]:  # it does, as often as the run changes sides
                inside = inside != ((corners[first, 1] > n) != (corners[last % m, 1] > n))
                continue
        for k in range(first, last):
            a0, a1 = corners[k, 0], corners[k, 1]
            b0, b1 = corners[(k + 1) % m, 0], corners[(k + 1) % m, 1]
            d0, d1 = b0 - a0, b1 - a1
            length2 = d0 * d0 + d1 * d1
            along = 0.0 if length2 == 0.0 else min(max(((e - a0) * d0 + (n - a1) * d1) / length2, 0.0), 1.0)
            off_e, off_n = e - a0 - along * d0, n - a1 - along * d1
            best2 = min(best2, off_e * off_e + off_n * off_n)
            if is_area and (a1 > n) != (b1 > n) and e < a0 + (n - a1) * d0 / d1:
                inside = not inside
    best = math.sqrt(best2)
    if is_area:
        return -best if inside else best
    return best - reach_m


@njit
def height_m(e, n, up, site_height_m):
    """Ellipsoidal height of a point of the site's frame, to a metre within 50 km. Twin: ``geo.enu``."""
    return site_height_m + up + (e * e + n * n) / (2.0 * EARTH_MEAN_RADIUS_M)


@njit
def is_inside(x, corners, is_area, reach_m, runs, floor_m, ceiling_m, site_height_m, margin_m):
    """Is a place float64[≥3] of the site's frame in the zone, or within ``margin_m`` beside it? Twin: ``away_m``'s."""
    if away_by_runs_m(x[0], x[1], corners, is_area, reach_m, runs) > margin_m:
        return False
    height = height_m(x[0], x[1], x[2], site_height_m)
    return floor_m - margin_m <= height <= ceiling_m + margin_m


@njit
def paths(x, L, on_its_way, hovers, habits, normals, uniforms, step_s, out, boxes):
    r"""Paths that an object may take, ``out`` float64[K, S + 1, 3] m, place by place each ``step_s`` s, and ``boxes``
    float64[K, 4], the least and greatest east and north of each.

    Each begins with a state from N(x, L Lᵀ) and either is on its way (with probability ``on_its_way``) or at work. It
    goes straight until something happens, which is rare on the way and often at work: it stands still for a while,
    turns to one side, or changes its velocity by a push. Beside that it departs from straight flight as white
    acceleration of density q would take it, in one direction that stays (its spread at each time is exact, √(q t³/3)
    along each axis; that it stays keeps a path smooth, as flight is)::

        p(t) = p₀ + ∫ v + √(q/3) t^{3/2} n

    Parameters
    ----------
    x, L : float64[6], float64[6, 6]
        Mean and lower Cholesky factor.
    habits : float64[2, 9]
        Of who is on its way and who is at work: √(q/3) level and vertical, q in m²/s³; mean time between events, s;
        shares of standing still and of turning among them (the rest are pushes); mean time of standing still and of
        turning, s; acceleration of a turn, m/s²; σ of a push, m/s.
    normals : float64[K, 9]
        Standard normal, the same for all objects: state and departure.
    uniforms : float64[K, 1 + E, 4]
        In (0, 1): the first row chooses how a path begins, each other what an event is, over again after E of them.

    Twin in tests/reference.
    """
    n_event = uniforms.shape[1] - 1
    for k in range(out.shape[0]):
        own = 0 if uniforms[k, 0, 0] < on_its_way else 1
        wander_h, wander_v, lasts_s, stands, turns, stand_s, turn_s, sideways, push = habits[own]
        y = np.empty(6)
        for a in range(6):
            y[a] = x[a]
            for b in range(a + 1):
                y[a] += L[a, b] * normals[k, b]
        place = y[:3].copy()
        v0, v1 = y[3], y[4]
        event, standing = 0, own == 1 and uniforms[k, 0, 1] < hovers
        wait_s = -math.log(uniforms[k, 0, 2]) * (stand_s if standing else lasts_s)
        boxes[k, 0], boxes[k, 1], boxes[k, 2], boxes[k, 3] = math.inf, -math.inf, math.inf, -math.inf
        for s in range(out.shape[1]):
            t = s * step_s
            off = t * math.sqrt(t)
            out[k, s, 0] = place[0] + off * wander_h * normals[k, 6]
            out[k, s, 1] = place[1] + off * wander_h * normals[k, 7]
            out[k, s, 2] = place[2] + t * y[5] + off * wander_v * normals[k, 8]
            boxes[k, 0], boxes[k, 1] = min(boxes[k, 0], out[k, s, 0]), max(boxes[k, 1], out[k, s, 0])
            boxes[k, 2], boxes[k, 3] = min(boxes[k, 2], out[k, s, 1]), max(boxes[k, 3], out[k, s, 1])
            left = step_s
            while wait_s < left:
                place[0] += wait_s * v0
                place[1] += wait_s * v1
                left -= wait_s
                which, size, side, then = uniforms[k, 1 + event % n_event]
                event += 1
                speed = math.hypot(v0, v1)
                if standing or which >= stands + turns:
                    far = push * math.sqrt(-2.0 * math.log(size))
                    v0 += far * math.cos(2.0 * math.pi * side)
                    v1 += far * math.sin(2.0 * math.pi * side)
                    standing = False
                elif which < stands:
                    v0 = v1 = 0.0
                    standing = True
                else:
                    angle = -math.log(size) * turn_s * sideways / max(speed, SLOWEST_TURN_MPS)
                    angle = angle if side < 0.5 else -angle
                    v0, v1 = math.cos(angle) * v0 - math.sin(angle) * v1, math.sin(angle) * v0 + math.cos(angle) * v1
                wait_s = -math.log(then) * (stand_s if standing else lasts_s)
            wait_s -= left
            place[0] += left * v0
            place[1] += left * v1


@njit
def entry(paths, boxes, step_s, steps, corners, is_area, reach_m, runs, floor_m, ceiling_m, site_height_m, bounds):
    """Share of paths float64[K, ≥ steps + 1, 3] that are in a zone at one of their places up to ``steps``, and the
    median time until then, s (``NEVER`` where fewer than half of them are).

    ``bounds`` float64[4]: least and greatest east and north of the zone, m; ``boxes`` float64[K, 4] of the paths.
    Twin in tests/reference.
    """
    n_path, entered = paths.shape[0], 0
    first = np.empty(n_path)
    for k in range(n_path):
        first[k] = NEVER
        box = boxes[k]
        if box[1] < bounds[0] or box[0] > bounds[1] or box[3] < bounds[2] or box[2] > bounds[3]:
            continue
        free = 0.0  # it cannot be in before it has gone so far
        for s in range(steps + 1):
            place = paths[k, s]
            if s > 0:
                free -= math.hypot(place[0] - paths[k, s - 1, 0], place[1] - paths[k, s - 1, 1])
            if free > 1e-6:
                continue
            beside_e = max(bounds[0] - place[0], place[0] - bounds[1])
            beside_n = max(bounds[2] - place[1], place[1] - bounds[3])
            if beside_e > 0.0 or beside_n > 0.0:
                free = max(beside_e, beside_n)
                continue
            away = away_by_runs_m(place[0], place[1], corners, is_area, reach_m, runs)
            if away > 0.0:
                free = away
                continue
            height = height_m(place[0], place[1], place[2], site_height_m)
            if floor_m <= height <= ceiling_m:
                first[k] = s * step_s
                entered += 1
                break
    first.sort()
    return entered / n_path, first[(n_path - 1) // 2]


@njit
def crossing(corners):
    """The first two edges of a closed line float64[M, 2] that cross, as their numbers; −1, −1 where none do. Edges that
    only touch do not. Twin in tests/reference."""
    m = corners.shape[0]
    for i in range(m - 2):
        a0, a1 = corners[i, 0], corners[i, 1]
        b0, b1 = corners[i + 1, 0], corners[i + 1, 1]
        low0, high0, low1, high1 = min(a0, b0), max(a0, b0), min(a1, b1), max(a1, b1)
        for j in range(i + 2, m):
            c0, c1 = corners[j, 0], corners[j, 1]
            d0, d1 = corners[(j + 1) % m, 0], corners[(j + 1) % m, 1]
            if max(c0, d0) < low0 or min(c0, d0) > high0 or max(c1, d1) < low1 or min(c1, d1) > high1:
                continue
            c_side = (b0 - a0) * (c1 - a1) - (b1 - a1) * (c0 - a0)
            d_side = (b0 - a0) * (d1 - a1) - (b1 - a1) * (d0 - a0)
            a_side = (d0 - c0) * (a1 - c1) - (d1 - c1) * (a0 - c0)
            b_side = (d0 - c0) * (b1 - c1) - (d1 - c1) * (b0 - c0)
            if c_side * d_side < 0.0 and a_side * b_side < 0.0:
                return i, j
    return -1, -1
