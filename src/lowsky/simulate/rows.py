"""Rows of one sensor while they are made."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Ints

Columns = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Measurements of one sensor, in order of look: times and named columns, NaN and None where there is nothing."""

    look: Ints  # int64[R]
    t_meas_ns: Ints  # int64[R]
    t_recv_ns: Ints  # int64[R]
    columns: Columns


def missing(like: NDArray[np.generic], n: int) -> NDArray[np.generic]:
    return np.full(n, None, object) if like.dtype == object else np.full(n, np.nan)


def joined(above: tuple[Columns, int], below: tuple[Columns, int]) -> Columns:
    """Two sets of columns, each with its number of rows, one below the other."""
    (first, n_first), (second, n_second) = above, below
    out: Columns = {}
    for name in first | second:
        like = first[name] if name in first else second[name]
        parts = first.get(name, missing(like, n_first)), second.get(name, missing(like, n_second))
        out[name] = np.concatenate(parts)
    return out
