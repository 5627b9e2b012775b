"""Slow twins: NumPy and SciPy only, one item at a time, written from the formula and never optimised."""
