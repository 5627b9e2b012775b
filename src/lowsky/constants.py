"""Numbers of the physical world, each with its source. SI units."""

import math

# WGS-84, NIMA TR8350.2 (3rd ed., 2000), table 3.1 and 3.3
WGS84_A_M = 6_378_137.0
WGS84_F = 1.0 / 298.257223563
WGS84_B_M = WGS84_A_M * (1.0 - WGS84_F)
WGS84_E2 = WGS84_F * (2.0 - WGS84_F)
EARTH_MEAN_RADIUS_M = 6_371_008.8  # (2 a + b) / 3

SPEED_OF_LIGHT_MPS = 299_792_458.0  # exact, SI
STANDARD_GRAVITY_MPS2 = 9.80665  # exact, CGPM 1901
NAUTICAL_MILE_M = 1852.0  # exact, international nautical mile
FOOT_M = 0.3048  # exact, international foot
KNOT_MPS = NAUTICAL_MILE_M / 3600.0
FOOT_PER_MINUTE_MPS = FOOT_M / 60.0

TWO_PI = 2.0 * math.pi
DAY_NS = 86_400_000_000_000
SECOND_NS = 1_000_000_000

LATE_BUFFER_S = 30.0
"""How far back late measurements are still put where they belong: thrice the longest delay that Remote ID relays and
links that stand still were found to have (10 s). After it the picture is settled."""
