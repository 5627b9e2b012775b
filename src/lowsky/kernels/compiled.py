"""How every kernel is compiled."""

import numba

njit = numba.njit(cache=True, nogil=True, error_model="numpy")
"""Cached on disk, without the GIL, and with IEEE division: a kernel never raises, so x/0 is infinite and found later.

No fastmath: association must give the same bits on every machine that follows IEEE 754. The cache of a kernel does
not see changes in kernels it calls from other files; while working on them, remove ``kernels/__pycache__``.
"""

lean = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
"""The same for what makes no array (it does not compile where it does). ``njit`` counts references to every array that
is passed or sliced, by atomic operations, which were most of the time of weighing (docs/decisions/0080): so what has to
make arrays leaves its loops to a ``lean`` function."""
