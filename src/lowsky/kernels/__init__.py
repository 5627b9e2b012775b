"""Compiled loops on plain arrays: no classes, no settings, no exceptions. Each has a slow twin in tests/reference.

Conventions: row axis first, component axis last. States are east, north, up m, then m/s in the site's frame; a track
has M motion modes, ``x[C, M, 6]``, ``P[C, M, 6, 6]``, ``mu[C, M]``, and the mixture's moments ``xm[C, 6]``,
``Pm[C, 6, 6]``. Measurement rows are padded to six components, NaN where not measured; ``var`` are variances.
Times are int64 nanoseconds and become float seconds only as differences.
"""
