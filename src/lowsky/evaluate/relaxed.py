"""Which track is which target over a whole run, when a change costs: the linear programme of trajectory GOSPA.

Weights W[e, k] of pairs e (target, track) at seconds k solve ::

    max  Σ g W − λ Σ |W[e, k+1] − W[e, k]|    W ≥ 0, and at each second at most 1 for each target and for each track

which is the relaxation of García-Fernández, Rahmathullah and Svensson, "A metric on the space of finite sets of
trajectories" (IEEE TSP 68, 2020) with what every pair gains over leaving both out. Two ways: along a chain of states
where one target or one track has all pairs (then it is a shortest path, and whole numbers are best), and by primal-dual
steps elsewhere, which carry a bound of how far they are from the optimum.
"""

import numpy as np
from numba import njit

from lowsky.model.measurement import Floats, Ints


@njit(cache=True)
def along_a_chain(gain: Floats, switch: float) -> Floats:
    """Weights float64[E, K], 0 or 1, of pairs that all share one target (or all one track): at most one at a time.

    ``gain`` float64[E, K] >= 0; ``switch`` is λ: taking a pair up or leaving it costs that, changing it twice that.
    Viterbi over E + 1 states, the last for none. O(E K): the best way to change goes by the best state of all.
    Never raises. Twin: tests/unit/evaluate (all ways counted out).
    """
    n_pair, n_second = gain.shape
    none = n_pair
    value = np.zeros(n_pair + 1)
    came_from = np.zeros((n_second, n_pair + 1), np.int64)
    for e in range(n_pair):
        value[e] = gain[e, 0]
    for k in range(1, n_second):
        best = 0  # of all pairs, before the step
        for e in range(1, n_pair):
            if value[e] > value[best]:
                best = e
        for e in range(n_pair):
            stay, change, take_up = value[e], value[best] - 2.0 * switch, value[none] - switch
            came_from[k, e] = e
            if change > stay:
                came_from[k, e], stay = best, change
            if take_up > stay:
                came_from[k, e], stay = none, take_up
            if e != best:
                value[e] = stay + gain[e, k]
        came_from[k, none] = none
        left = value[best] - switch
        # the best itself last: the others needed its old value
        stay, take_up = value[best], value[none] - switch
        came_from[k, best] = best
        if take_up > stay:
            came_from[k, best], stay = none, take_up
        if left > value[none]:
            came_from[k, none], value[none] = best, left
        value[best] = stay + gain[best, k]
    W = np.zeros((n_pair, n_second))
    state = int(np.argmax(value))
    for k in range(n_second - 1, -1, -1):
        if state != none:
            W[state, k] = 1.0
        state = came_from[k, state]
    return W


@njit(cache=True)
def worth(gain: Floats, W: Floats, switch: float) -> float:
    """Σ g W − λ Σ |ΔW| of weights float64[E, K]."""
    total = 0.0
    for e in range(gain.shape[0]):
        for k in range(gain.shape[1]):
            total += gain[e, k] * W[e, k]
            if k:
                total -= switch * abs(W[e, k] - W[e, k - 1])
    return total


@njit(cache=True)
def primal_dual(
    gain: Floats, row: Ints, column: Ints, switch: float, tolerance: float, most: int
) -> tuple[Floats, float]:
    """Weights float64[E, K] of any pairs, and an upper bound of what any weights could be worth.

    Parameters
    ----------
    gain : float64[E, K]
        0 to 1: scaled by the cut-off's square.
    row, column : int64[E]
        The target and the track of each pair, from 0.
    switch : float
        λ in the same unit.
    tolerance : float
        Stop when the bound is at most this above what the weights are worth.
    most : int
        Steps at most; then the bound says how far off they may be.

    Notes
    -----
    Chambolle–Pock with diagonal steps (τ = 1/4: each weight is in at most two sums and two differences), restarted at
    its average where that is much nearer than at the last restart (Applegate et al., "PDLP", 2021).
    Twin: ``scipy.optimize.linprog`` (tests/unit/evaluate).
    """
    n_pair, n_second = gain.shape
    n_row, n_column = row.max() + 1, column.max() + 1
    step_row, step_column = np.zeros(n_row), np.zeros(n_column)
    for e in range(n_pair):
        step_row[row[e]] += 1.0
        step_column[column[e]] += 1.0
    step_row, step_column = 1.0 / np.maximum(step_row, 1.0), 1.0 / np.maximum(step_column, 1.0)
    W, W_mean, W_best = np.zeros((n_pair, n_second)), np.zeros((n_pair, n_second)), np.zeros((n_pair, n_second))
    ahead = np.zeros((n_pair, n_second))
    y, y_mean = np.zeros((n_pair, n_second + 1)), np.zeros((n_pair, n_second + 1))  # of W[k] − W[k − 1]; ends stay 0
    u, u_mean = np.zeros((n_row, n_second)), np.zeros((n_row, n_second))
    v, v_mean = np.zeros((n_column, n_second)), np.zeros((n_column, n_second))
    sum_row, sum_column = np.zeros((n_row, n_second)), np.zeros((n_column, n_second))
    best, bound, gap, since, done = 0.0, np.inf, np.inf, 0, 0
    while done < most and bound - best > tolerance:
        for e in range(n_pair):
            for k in range(n_second):
                slope = -gain[e, k] + u[row[e], k] + v[column[e], k] + y[e, k] - y[e, k + 1]
                new = max(W[e, k] - 0.25 * slope, 0.0)
                ahead[e, k] = 2.0 * new - W[e, k]
                W[e, k] = new
        _sums(ahead, row, column, sum_row, sum_column)
        for i in range(n_row):
            for k in range(n_second):
                u[i, k] = max(u[i, k] + step_row[i] * (sum_row[i, k] - 1.0), 0.0)
        for j in range(n_column):
            for k in range(n_second):
                v[j, k] = max(v[j, k] + step_column[j] * (sum_column[j, k] - 1.0), 0.0)
        for e in range(n_pair):
            for k in range(1, n_second):
                y[e, k] = min(max(y[e, k] + 0.5 * (ahead[e, k] - ahead[e, k - 1]), -switch), switch)
        done, since = done + 1, since + 1
        share = 1.0 / since
        W_mean += share * (W - W_mean)
        y_mean += share * (y - y_mean)
        u_mean += share * (u - u_mean)
        v_mean += share * (v - v_mean)
        if since % 64:
            continue
        now = _bound(gain, row, column, u_mean, v_mean, y_mean)
        bound = min(bound, now)
        ahead[:] = W_mean
        _sums(ahead, row, column, sum_row, sum_column)
        for e in range(n_pair):
            for k in range(n_second):
                ahead[e, k] /= max(1.0, sum_row[row[e], k], sum_column[column[e], k])
        value = worth(gain, ahead, switch)
        if value > best:
            best = value
            W_best[:] = ahead
        if now - value < 0.4 * gap or since > 0.36 * done:
            W[:], y[:], u[:], v[:] = W_mean, y_mean, u_mean, v_mean
            gap, since = now - value, 0
    return W_best, bound


@njit(cache=True)
def _sums(W: Floats, row: Ints, column: Ints, sum_row: Floats, sum_column: Floats) -> None:
    sum_row[:], sum_column[:] = 0.0, 0.0
    for e in range(W.shape[0]):
        for k in range(W.shape[1]):
            sum_row[row[e], k] += W[e, k]
            sum_column[column[e], k] += W[e, k]


@njit(cache=True)
def _bound(gain: Floats, row: Ints, column: Ints, u: Floats, v: Floats, y: Floats) -> float:
    """The dual's value; prices that are too low are made good at the cost of one whole weight each."""
    total = u.sum() + v.sum()
    for e in range(gain.shape[0]):
        for k in range(gain.shape[1]):
            total += max(gain[e, k] - u[row[e], k] - v[column[e], k] - y[e, k] + y[e, k + 1], 0.0)
    return total
