"""Outlines with few corners that hold all of what they stand for: a warned area is never smaller than its zone."""

import math
from itertools import pairwise

import numpy as np

from lowsky.model.measurement import Floats

ARC_CORNERS = 8  # of the half circle at either end of a piece of a corridor


def outline(ring: Floats, most: int) -> Floats:
    """A simple polygon of at most ``most`` (≥ 3) corners that holds ``ring``, counter-clockwise, float64[N, 2].

    First dents are filled, the smallest first; where that is not enough, the convex hull's edges are dropped, the one
    first whose neighbours meet nearest beyond it. ``ring``: corners of a polygon without crossings, any way round, m.
    """
    corners = _counter_clockwise(_without_repeats(ring))
    if len(corners) > most:
        corners = _without_dents(corners, most)
    if len(corners) > most:
        corners = _fewer_edges(hull(corners), most)
    return corners


def _without_repeats(ring: Floats) -> Floats:
    return np.asarray(ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)])


def _counter_clockwise(ring: Floats) -> Floats:
    return ring if signed_area(ring) >= 0.0 else ring[::-1]


def signed_area(ring: Floats) -> float:
    """Positive: counter-clockwise."""
    x, y = (ring - ring[:1]).T
    return float(0.5 * (x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _cross(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _without_dents(ring: Floats, most: int) -> Floats:
    """Corners that point inwards taken out, as long as the triangle that fills the dent holds no other corner.

    A quarter of what is too much at a time, the smallest first, no two neighbours: such triangles do not overlap, for
    the sides of either are edges of the ring and cross nothing.
    """
    while len(ring) > most:
        before, after = np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0)
        turn = _cross(ring - before, after - ring)
        dents = np.flatnonzero(turn <= 0.0)
        out = np.zeros(len(ring), bool)
        for k in dents[np.argsort(-turn[dents], kind="stable")].tolist():
            if out.sum() >= 1 + (len(ring) - most) // 4:
                break
            is_beside = out[k - 1] or out[(k + 1) % len(ring)]
            out[k] = not is_beside and not _holds_another(ring, k)
        if not out.any():
            return ring
        ring = ring[~out]
    return ring


def _holds_another(ring: Floats, k: int) -> bool:
    n = len(ring)
    a, b, c = ring[k - 1], ring[k], ring[(k + 1) % n]
    others = np.ones(n, bool)
    others[[k - 1, k, (k + 1) % n]] = False
    p = ring[others]
    # a, c, b turn counter-clockwise: b is a dent
    inside = (_cross(c - a, p - a) >= 0.0) & (_cross(b - c, p - c) >= 0.0) & (_cross(a - b, p - b) >= 0.0)
    return bool(inside.any())


def hull(points: Floats) -> Floats:
    """Convex hull, counter-clockwise (Andrew's monotone chain)."""
    ordered = sorted(set(map(tuple, points.tolist())))
    chains = []
    for way in (ordered, ordered[::-1]):
        chain: list[tuple[float, ...]] = []
        for p in way:
            while len(chain) > 1 and _side(chain[-2], chain[-1], p) <= 0.0:
                chain.pop()
            chain.append(p)
        chains.append(chain[:-1])
    return np.array(chains[0] + chains[1], np.float64)


def _side(a: tuple[float, ...], b: tuple[float, ...], p: tuple[float, ...]) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def _fewer_edges(ring: Floats, most: int) -> Floats:
    """Of a convex ring: edges dropped whose neighbours, made longer, meet beyond them; the smallest addition first."""
    while len(ring) > most:
        before, b, after = np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0), np.roll(ring, -2, axis=0)
        into, out = ring - before, after - b  # the edges beside the edge ring → b
        meet = _cross(into, out)
        with np.errstate(divide="ignore", invalid="ignore"):
            along = _cross(b - ring, out) / meet
            tip = ring + along[:, None] * into
            added = np.where((meet > 0.0) & (along >= 0.0), _cross(b - ring, tip - ring), np.nan)
        added = np.where(np.isfinite(added), np.abs(added), np.inf)
        k = int(np.argmin(added))
        if not np.isfinite(added[k]):  # a triangle or a parallelogram: its box holds it
            return box(ring)
        ring = ring.copy()
        ring[k] = tip[k]
        ring = np.delete(ring, (k + 1) % len(ring), axis=0)
    return ring


def box(points: Floats) -> Floats:
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def capsules(line: Floats, reach_m: float, most: int) -> list[Floats]:
    """At most ``most`` polygons that together hold whatever is within ``reach_m`` of a line, float64[N, 2] m.

    A line of more pieces is straightened, and the reach made wider by as much as that moves it.
    """
    kept, moved_m, allowed_m = line, 0.0, max(1.0, 0.01 * reach_m)
    while len(kept) - 1 > most:
        kept, moved_m = straightened(line, allowed_m), allowed_m
        allowed_m *= 2.0
    return [_capsule(a, b, reach_m + moved_m) for a, b in pairwise(kept)]


def straightened(line: Floats, allowed_m: float) -> Floats:
    """The line with fewer corners, nowhere farther than ``allowed_m`` from what it was (Douglas and Peucker 1973)."""
    keep, spans = np.zeros(len(line), bool), [(0, len(line) - 1)]
    keep[[0, -1]] = True
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        away = _from_piece(line[first + 1 : last], line[first], line[last])
        k = int(np.argmax(away))
        if away[k] > allowed_m:
            middle = first + 1 + k
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return np.asarray(line[keep])


def _from_piece(points: Floats, a: Floats, b: Floats) -> Floats:
    along = b - a
    length2 = float(along @ along)
    share = np.clip((points - a) @ along / length2, 0.0, 1.0) if length2 > 0.0 else np.zeros(len(points))
    return np.hypot(*(points - a - share[:, None] * along).T)


def _capsule(a: Floats, b: Floats, reach_m: float) -> Floats:
    """Around the circle's arcs, not inside them: corners lie outside by as much as the edges need."""
    step = math.pi / ARC_CORNERS
    radius = reach_m / math.cos(0.5 * step)
    course = math.atan2(*(b - a)[::-1])
    angles = course - 0.5 * math.pi + step * (np.arange(ARC_CORNERS) + 0.5)
    arc = radius * np.column_stack((np.cos(angles), np.sin(angles)))
    return np.vstack((b + arc, a - arc))
