"""Compact position reporting: two halves, or one half and a position nearby, give latitude and longitude.

A message carries the place within a zone as fractions Y, X (17 bits each), and the zones of even and odd messages
differ slightly in size, so that a pair tells the zone, too. With i = 0 even, 1 odd, and s = 360° airborne, 90° on
the surface (whose answer repeats every 90°)::

    ΔLat_i = s / (60 − i)              ΔLon_i = s / max(NL(lat_i) − i, 1)
    j = ⌊59 Y_0 − 60 Y_1 + ½⌋          lat_i = ΔLat_i (j mod (60 − i) + Y_i)
    m = ⌊X_0 (NL − 1) − X_1 NL + ½⌋    lon_i = ΔLon_i (m mod max(NL − i, 1) + X_i)

If both halves belong to one place, the value rounded to j (and m) is a whole number but for quantisation and
movement; how far it is from one, in metres, is returned as ``gap_m``. Halves of different places fail there.

Source: J. Sun, *The 1090 Megahertz Riddle*, chapters "Airborne position" and "Surface position" (equations and the
worked examples in tests/unit/wire/adsb/test_cpr.py). The gap is ours: inserting lat_0 − lat_1 = 6°/59 · (r − j)
with r the value before rounding.

Angles are degrees throughout this file, as on the wire.
"""

import math

from lowsky.wire.adsb.compiled import compiled

METRES_PER_DEGREE = 111_195.0  # of latitude, on a sphere of the earth's mean radius

Pair = tuple[float, float]


@compiled
def zones(lat_deg: float) -> int:
    """NL: number of even longitude zones at a latitude, 1 to 59."""
    lat = abs(lat_deg)
    if lat >= 87.0:
        return 1 if lat > 87.0 else 2
    if lat < 1e-9:
        return 59
    ratio = (1.0 - math.cos(math.pi / 30.0)) / math.cos(math.radians(lat)) ** 2
    return math.floor(2.0 * math.pi / math.acos(1.0 - ratio))


@compiled
def distance_m(lat_1: float, lon_1: float, lat_2: float, lon_2: float) -> float:
    """Great-circle metres between two points in degrees, on a sphere: good to 0.6 %, enough for a gate."""
    half_lat = math.radians(lat_2 - lat_1) / 2.0
    half_lon = math.radians(lon_2 - lon_1) / 2.0
    a = math.sin(half_lat) ** 2
    a += math.cos(math.radians(lat_1)) * math.cos(math.radians(lat_2)) * math.sin(half_lon) ** 2
    return 2.0 * 6_371_008.8 * math.asin(math.sqrt(min(1.0, a)))


@compiled
def wrap_180(lon_deg: float) -> float:
    """The same longitude in [−180, 180)."""
    return (lon_deg + 180.0) % 360.0 - 180.0


@compiled
def nearest_repeat(angle_deg: float, near_deg: float, every_deg: float) -> float:
    """The value angle + k · every that is nearest to ``near``."""
    return angle_deg + every_deg * math.floor((near_deg - angle_deg) / every_deg + 0.5)


@compiled
def from_pair(even: Pair, odd: Pair, use_odd: bool, span_deg: float, near: Pair) -> tuple[bool, float, float, float]:
    """Position of the even or the odd half of a pair.

    Parameters
    ----------
    even, odd : tuple of (float, float)
        Y and X of the halves as fractions in [0, 1).
    use_odd : bool
        Which half's position is asked for: the newer one's.
    span_deg : float
        360.0 for airborne, 90.0 for surface positions.
    near : tuple of (float, float)
        Latitude and longitude (deg) of the receiver: picks among the four quarters on the surface.

    Returns
    -------
    ok : bool
        False where the halves lie in different longitude zones or the latitude cannot be.
    lat_deg, lon_deg, gap_m : float
        Position; by how much the two halves contradict each other. Undefined where not ``ok``.
    """
    dlat_even, dlat_odd = span_deg / 60.0, span_deg / 59.0
    r = 59.0 * even[0] - 60.0 * odd[0]
    j = math.floor(r + 0.5)
    lat_even = dlat_even * (j % 60.0 + even[0])
    lat_odd = dlat_odd * (j % 59.0 + odd[0])
    if span_deg == 360.0:
        if lat_even >= 270.0:
            lat_even -= 360.0
        if lat_odd >= 270.0:
            lat_odd -= 360.0
    else:
        south = abs(lat_even - 90.0 - near[0]) < abs(lat_even - near[0])
        if south:
            lat_even -= 90.0
            lat_odd -= 90.0
    if abs(lat_even) > 90.0 or abs(lat_odd) > 90.0 or zones(lat_even) != zones(lat_odd):
        return False, 0.0, 0.0, 0.0
    lat = lat_odd if use_odd else lat_even
    gap_lat_m = abs(r - j) * dlat_even / 59.0 * METRES_PER_DEGREE
    nl = zones(lat)
    r = even[1] * (nl - 1) - odd[1] * nl
    m = math.floor(r + 0.5)
    n = float(max(nl - 1, 1) if use_odd else nl)
    lon = span_deg / n * (m % n + (odd[1] if use_odd else even[1]))
    if span_deg == 90.0:
        lon = nearest_repeat(lon, near[1], 90.0)
    gap_lon_m = 0.0
    if nl > 1:
        gap_lon_m = abs(r - m) * span_deg / (nl * (nl - 1)) * METRES_PER_DEGREE * math.cos(math.radians(lat))
    return True, lat, wrap_180(lon), max(gap_lat_m, gap_lon_m)


@compiled
def from_one(half: Pair, is_odd: bool, span_deg: float, near: Pair) -> tuple[bool, float, float]:
    """Position of one half, in the zone nearest to a known position.

    Right where ``near`` (lat, lon in deg) is less than half a zone away: 333 km airborne, 83 km on the surface.

    Returns
    -------
    ok, lat_deg, lon_deg
        ``ok`` is False where the latitude cannot be.
    """
    odd = 1.0 if is_odd else 0.0
    dlat = span_deg / (60.0 - odd)
    lat = nearest_repeat(dlat * half[0], near[0], dlat)
    if abs(lat) > 90.0:
        return False, 0.0, 0.0
    dlon = span_deg / max(zones(lat) - odd, 1.0)
    return True, lat, wrap_180(nearest_repeat(dlon * half[1], near[1], dlon))
