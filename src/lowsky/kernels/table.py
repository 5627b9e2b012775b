"""Rows of a table moved and cleared, whatever its columns hold: each column is seen as uint8[capacity, bytes]."""

from lowsky.kernels.compiled import lean


@lean
def clear_rows(columns, first, count):
    """Zero the rows from ``first`` on. Twin: NumPy's slices."""
    for column in columns:
        for row in range(first, first + count):
            for b in range(column.shape[1]):
                column[row, b] = 0


@lean
def fill_holes(columns, holes, dead_behind, left, n):
    """Move the living of rows [left, n) into ``holes`` int64[K], in order; ``dead_behind`` int64[] are the dead there.

    Twin: NumPy's fancy indexing.
    """
    for column in columns:
        row, d = left, 0
        for k in range(holes.shape[0]):
            while d < dead_behind.shape[0] and dead_behind[d] == row:
                row += 1
                d += 1
            hole = holes[k]
            for b in range(column.shape[1]):
                column[hole, b] = column[row, b]
            row += 1
