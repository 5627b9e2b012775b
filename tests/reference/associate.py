"""Twin of lowsky.kernels.associate: every joint event of the whole scene, one by one."""

from itertools import product

import numpy as np


def edges_by_row(edge_row, n_row):
    by_row = np.argsort(edge_row, kind="stable")
    return np.searchsorted(edge_row[by_row], np.arange(n_row + 1)), by_row


def marginals(edge_track, edge_row, psi, rho, n_track):
    """p_edge, p_miss, p_new by full enumeration. Exponential: small scenes only."""
    choices = [[None, *np.flatnonzero(edge_track == i)] for i in range(n_track)]
    p_edge, p_miss, taken = np.zeros(len(psi)), np.zeros(n_track), np.zeros(len(rho))
    total = 0.0
    for event in product(*choices):
        edges = [e for e in event if e is not None]
        rows = [int(edge_row[e]) for e in edges]
        if len(set(rows)) < len(rows):
            continue
        weight = np.prod([psi[e] / rho[edge_row[e]] for e in edges]) if edges else 1.0
        total += weight
        for i, e in enumerate(event):
            if e is None:
                p_miss[i] += weight
            else:
                p_edge[e] += weight
                taken[edge_row[e]] += weight
    return p_edge / total, p_miss / total, 1.0 - taken / total


def whole_on_best(tracks, edge_track, p_edge):
    weight = p_edge.copy()
    for i in tracks:
        mine = np.flatnonzero(edge_track == i)
        if len(mine):
            weight[mine[np.argmax(p_edge[mine])]] = p_edge[mine].sum()
    return weight
