"""Does an object that is said to exist with 0.7 exist seven times in ten? Calibration of existence, and its plot.

A row *is real* where it is assigned in the best matching of probabilistic GOSPA (Xia et al., 2025): the one that
maximises Σ r (c² − d²) over pairs closer than c. So a sure track has its target before a doubtful one nearby has it.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from lowsky.evaluate.assign import best_matching
from lowsky.model.measurement import Floats, Ints

BINS = 15
MIDDLE = (0.05, 0.95)  # many sure rows flatter the whole; the doubtful ones are judged by themselves


@dataclass(frozen=True, slots=True)
class Claims:
    """Rows that say an object is there, second by second."""

    first: Ints  # int64[S + 1]: rows of second s are first[s] to first[s + 1]
    pos: Floats  # float64[R, 3] m, in the frame of the truth
    existence: Floats  # float64[R]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of equally many rows, in order of what was claimed."""

    claimed: Floats  # float64[B] mean of each bin
    found: Floats  # float64[B] share that was real
    count: Ints  # int64[B]
    brier: float  # mean (r − y)²
    reliability: float  # Murphy's parts: brier = reliability − resolution + uncertainty + within
    resolution: float
    uncertainty: float
    within: float  # what the bins do not resolve

    @property
    def floor(self) -> float:
        """What ``ece`` would be on average, were every claim right and all rows independent: √(2/π) of each bin's
        standard error. An ECE near it says no more than that there are few rows."""
        sigma = np.sqrt(self.claimed * (1.0 - self.claimed) / self.count)
        return float(np.sqrt(2.0 / np.pi) * (self.count * sigma).sum() / self.count.sum())

    @property
    def ece(self) -> float:
        """Expected calibration error: Σ n_b/N · |found − claimed|."""
        return float((self.count * np.abs(self.found - self.claimed)).sum() / self.count.sum())


def real_rows(truth_first: Ints, truth_pos: Floats, claims: Claims, cutoff_m: float) -> np.ndarray:
    """Which rows are real, bool[R]."""
    is_real = np.zeros(len(claims.existence), np.bool_)
    for s in range(len(truth_first) - 1):
        a, b = int(truth_first[s]), int(truth_first[s + 1])
        i, j = int(claims.first[s]), int(claims.first[s + 1])
        if a < b and i < j:
            row, column, gain = _gains(truth_pos[a:b], claims.pos[i:j], claims.existence[i:j], cutoff_m)
            taken = best_matching(row, column, gain, b - a, j - i)
            is_real[i + column[taken]] = True
    return is_real


@njit(cache=True)
def _gains(truth: Floats, pos: Floats, existence: Floats, cutoff: float) -> tuple[Ints, Ints, Floats]:
    """Pairs closer than the cut-off: target, row, r (c² − d²)."""
    by_east = np.argsort(pos[:, 0])
    east = pos[:, 0][by_east]
    row, column, gain = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)], [0.0 for _ in range(0)]
    for i in range(len(truth)):
        k = np.searchsorted(east, truth[i, 0] - cutoff)
        while k < len(east) and east[k] <= truth[i, 0] + cutoff:
            j = by_east[k]
            k += 1
            worth = cutoff * cutoff
            for axis in range(3):
                worth -= (truth[i, axis] - pos[j, axis]) ** 2
            if worth > 0.0 and existence[j] > 0.0:
                row.append(i)
                column.append(j)
                gain.append(worth * existence[j])
    return np.array(row, np.int64), np.array(column, np.int64), np.array(gain, np.float64)


def reliability(existence: Floats, is_real: np.ndarray, bins: int = BINS) -> Reliability | None:
    """Of rows float64[R] claimed and bool[R] found. None without rows; fewer rows than bins are a bin each."""
    n = len(existence)
    if not n:
        return None
    order = np.argsort(existence, kind="stable")
    r, y = existence[order], is_real[order].astype(np.float64)
    # rows of one claim stay together: their order says nothing
    edges = np.searchsorted(r, r[np.minimum((np.arange(1, bins) * n) // bins, n - 1)], side="left")
    edges = np.unique(np.concatenate(([0], edges, [n])))
    count = np.diff(edges)
    claimed, found = (np.add.reduceat(values, edges[:-1]) / count for values in (r, y))
    base, brier = float(y.mean()), float(((r - y) ** 2).mean())
    reliable = float((count * (claimed - found) ** 2).sum() / n)
    resolution = float((count * (found - base) ** 2).sum() / n)
    uncertainty = base * (1.0 - base)
    return Reliability(
        claimed, found, count, brier, reliable, resolution, uncertainty, brier - reliable + resolution - uncertainty
    )


CELLS = 961
EDGES = 1.0 / (1.0 + np.exp(-np.linspace(-12.0, 12.0, CELLS - 1)))  # fine in what is nearly sure, either way


def cells_of(existence: Floats, is_real: np.ndarray) -> Floats:
    """Rows, sum of claims, and how many were real, in fine cells of the claim: float64[CELLS, 3]. Cells of several runs
    add up, so that calibration can be judged over all of them."""
    cell = np.searchsorted(EDGES, existence, side="right")
    weights = (None, existence, is_real.astype(np.float64))
    return np.column_stack([np.bincount(cell, w, CELLS) for w in weights]).astype(np.float64)


def reliability_of_cells(cells: Floats, low: float = 0.0, high: float = 1.0) -> Reliability | None:
    """``reliability`` of pooled cells, whole cells to a bin; only cells whose mean claim is from ``low`` to ``high``.

    The parts of the Brier score are those of a score in which each row claims its cell's mean.
    """
    cells = cells[cells[:, 0] > 0.0]
    mean = cells[:, 1] / cells[:, 0]
    cells = cells[(mean >= low) & (mean <= high)]
    if not len(cells):
        return None
    n = cells[:, 0].sum()
    up_to = np.cumsum(cells[:, 0])
    bin_of = np.minimum(((up_to - 0.5 * cells[:, 0]) / n * BINS).astype(np.int64), BINS - 1)
    count, total, real = (np.bincount(bin_of, cells[:, k]) for k in range(3))
    use = count > 0.0
    count, total, real = count[use], total[use], real[use]
    claimed, found, base = total / count, real / count, real.sum() / n
    claim, hits = cells[:, 1] / cells[:, 0], cells[:, 2]
    brier = float((cells[:, 0] * claim**2 - 2.0 * claim * hits + hits).sum() / n)
    reliable = float((count * (claimed - found) ** 2).sum() / n)
    resolution, uncertainty = float((count * (found - base) ** 2).sum() / n), float(base * (1.0 - base))
    return Reliability(
        claimed, found, count.astype(np.int64), brier, reliable, resolution, uncertainty,
        brier - reliable + resolution - uncertainty,
    )  # fmt: skip


def middle(existence: Floats) -> np.ndarray:
    """bool[R]: rows that are doubtful."""
    return (existence >= MIDDLE[0]) & (existence <= MIDDLE[1])


def probabilistic_gospa_m(
    truth_first: Ints, truth_pos: Floats, claims: Claims, is_real: np.ndarray, cutoff_m: float
) -> Floats:
    """Probabilistic GOSPA of each second, p = 2, without the spread of the single densities. float64[S] m.

    A pair costs r d² + (1 − r) c²/2, a row of none r c²/2, a target of none c²/2. The matching is that of
    ``real_rows``, which is the best one.
    """
    half = 0.5 * cutoff_m**2
    out = np.empty(len(truth_first) - 1)
    for s in range(len(out)):
        a, b = int(truth_first[s]), int(truth_first[s + 1])
        i, j = int(claims.first[s]), int(claims.first[s + 1])
        r = claims.existence[i:j]
        row, column, gain = _gains(truth_pos[a:b], claims.pos[i:j], r, cutoff_m)
        taken = best_matching(row, column, gain, b - a, j - i)
        out[s] = np.sqrt(max(half * (b - a) + half * float(r.sum()) - float(gain[taken].sum()), 0.0))
    return out
