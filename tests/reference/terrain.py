"""Plain twin of ``lowsky.kernels.terrain``: all points of all paths at once, heights by interpolation axis by axis."""

import numpy as np


def map_height(east, north, edge, heights):
    rows, columns = heights.shape
    across = np.linspace(edge[0], edge[1], columns) if columns > 1 else np.array([edge[0]])
    along = np.linspace(edge[2], edge[3], rows) if rows > 1 else np.array([edge[2]])
    by_row = np.array([np.interp(east, across, row) for row in heights])
    return float(np.interp(north, along, by_row))


def worst_fresnel(place, pos, edge, heights, blocks, shares, wavelength_m, earth_m, effective_m):
    out = np.empty(len(pos))
    level = place[2] + np.hypot(*place[:2]) ** 2 / (2.0 * earth_m)
    for p, point in enumerate(pos):
        far = point[2] + np.hypot(*point[:2]) ** 2 / (2.0 * earth_m)
        way = max(np.hypot(*(point[:2] - place[:2])), 1.0)
        worst = -np.inf
        for share in shares:
            east, north = place[:2] + share * (point[:2] - place[:2])
            tops = [block[4] for block in blocks if block[0] <= east <= block[1] and block[2] <= north <= block[3]]
            surface = map_height(east, north, edge, heights) + max([0.0, *tops])
            d1, d2 = share * way, (1.0 - share) * way
            ray = (level * d2 + far * d1) / way - d1 * d2 / (2.0 * effective_m)
            worst = max(worst, (surface - ray) * np.sqrt(2.0 * way / (wavelength_m * d1 * d2)))
        out[p] = worst
    return out
