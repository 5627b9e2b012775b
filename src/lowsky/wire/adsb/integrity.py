"""How good is a position: NIC and containment radius, NACp and NACv, and what they mean as one standard deviation.

Source: J. Sun, *The 1090 Megahertz Riddle*, chapter "Uncertainties in ADS-B", tables of NUCp (version 0), NIC
(versions 1 and 2), NACp, NACv and SIL; the version 1 and 2 NIC rows also agree with ICAO Doc 9871, draft second
edition (TSGWP11-01), tables B and C-2, as far as we have seen them.
"""

import math

import numpy as np

from lowsky.constants import NAUTICAL_MILE_M
from lowsky.model.measurement import Floats

UNKNOWN_M = math.nan
NM = NAUTICAL_MILE_M

RC_OF_TYPE = {
    5: (11, 7.5), 6: (10, 25.0), 7: (8, 0.1 * NM), 8: (0, UNKNOWN_M),
    9: (11, 7.5), 10: (10, 25.0), 11: (8, 0.1 * NM), 12: (7, 0.2 * NM), 13: (6, 0.5 * NM), 14: (5, 1.0 * NM),
    15: (4, 2.0 * NM), 16: (2, 8.0 * NM), 17: (1, 20.0 * NM), 18: (0, UNKNOWN_M),
    20: (11, 7.5), 21: (10, 25.0), 22: (0, UNKNOWN_M),
}  # fmt: skip
"""Type code -> NIC and Rc in metres where every supplement is 0 (and for pairs of supplements no table has)."""

VERSION_0 = {16: (1, 10.0 * NM)}
"""Where version 0 differs: NUCp 2 promises 10 NM, so the NIC that holds is 1. It has no NIC; this is its equivalent."""

VERSION_1 = {(7, 1): (9, 75.0), (11, 1): (9, 75.0), (13, 1): (6, 0.6 * NM), (16, 1): (3, 4.0 * NM)}
"""(type code, supplement) -> NIC and Rc."""

VERSION_2 = {
    (7, 1, 0, 0): (9, 75.0),
    (8, 1, 0, 1): (7, 0.2 * NM), (8, 1, 0, 0): (6, 0.3 * NM), (8, 0, 0, 1): (6, 0.6 * NM),
    (11, 1, 1, 0): (9, 75.0), (13, 0, 1, 0): (6, 0.3 * NM), (13, 1, 1, 0): (6, 0.6 * NM), (16, 1, 1, 0): (3, 4.0 * NM),
}  # fmt: skip
"""(type code, supplements A, B, C) -> NIC and Rc. B does not exist on the surface, C not in the air: 0 here."""


def _tables() -> tuple[Floats, Floats]:
    nic, rc = np.full((3, 23, 2, 2, 2), np.nan), np.full((3, 23, 2, 2, 2), np.nan)
    for tc, (category, radius) in RC_OF_TYPE.items():
        nic[:, tc], rc[:, tc] = category, radius
    for tc, (category, radius) in VERSION_0.items():
        nic[0, tc], rc[0, tc] = category, radius
    for (tc, supplement), (category, radius) in VERSION_1.items():
        nic[1, tc, supplement], rc[1, tc, supplement] = category, radius
    for (tc, a, b, c), (category, radius) in VERSION_2.items():
        every_b = slice(None) if tc < 9 else b
        every_c = slice(None) if tc >= 9 else c
        nic[2, tc, a, every_b, every_c], rc[2, tc, a, every_b, every_c] = category, radius
    return nic, rc


NIC, RC_M = _tables()
"""float64[3 version, 23 type code, 2 A, 2 B, 2 C]: NIC, and Rc in metres. NaN where there is no such message or Rc
is not promised."""

EPU_M = np.array(
    [math.nan, 10 * NM, 4 * NM, 2 * NM, NM, 0.5 * NM, 0.3 * NM, 0.1 * NM, 0.05 * NM, 30.0, 10.0, 3.0]
    + [math.nan] * 4
)  # fmt: skip
"""NACp -> 95 % horizontal position uncertainty, m. 0 says "10 NM or more, or unknown", so nothing;
12-15 are reserved."""

VELOCITY_95_MPS = np.array([math.nan, 10.0, 3.0, 1.0, 0.3, math.nan, math.nan, math.nan])
"""NACv (NUCr) -> 95 % horizontal velocity error, m/s. 0 is unknown or worse than 10 m/s; 5-7 are reserved."""

VERTICAL_RATE_95_MPS = np.array([math.nan, 15.2, 4.5, 1.5, 0.46, math.nan, math.nan, math.nan])
"""NACv -> 95 % vertical velocity error of a geometric rate, m/s."""

GVA_95_M = np.array([math.nan, 150.0, 45.0, math.nan])
"""GVA -> 95 % error of the geometric height, m. 0 is unknown or worse than 150 m; 3 is reserved.
[K: DO-260B; no table of it was seen]"""

SIGMA_PER_95_PLANE = 1.0 / math.sqrt(-2.0 * math.log(0.05))
"""1σ per axis of the radius that holds 95 % of a circular normal distribution: r / 2.448."""

SIGMA_PER_RC = 1.0 / math.sqrt(-2.0 * math.log(1e-7))
"""1σ per axis of a containment radius left with probability 1e-7 (SIL 3): Rc / 5.68. Where SIL is lower this is
too small, so NACp is always preferred."""

SIGMA_PER_95_LINE = 1.0 / 1.959964
"""1σ of a one-dimensional normal distribution's 95 % bound."""
