"""Kinematics: what a track's speed, climb, steadiness, winding and style of flight say of its class.

Each track keeps sums over its last half minute (they fade with ``WINDOW_S``). The likelihoods are of what is summed
up, not of every look: an object has one habit, however often it is looked at.
"""

import numpy as np
from numpy.typing import NDArray

from lowsky.classify.mixtures import CLIMB, SPEED, column
from lowsky.classify.profiles import PROFILES
from lowsky.classify.settled import half_worth
from lowsky.model.classes import ObjectClass
from lowsky.model.measurement import Floats

WINDOW_S = 30.0
"""Sums fade with this: as long as a bird's or a multirotor's habits show in."""
FIRST_S, LONGEST_S = 0.5, 2.0
"""A track's first state stands for so long; after a gap no state stands for longer."""
STYLE_LASTS_S = 6.0
"""How long one manoeuvre lasts: looks within it tell of one and the same."""
SPEED_ERROR_LASTS_S, CLIMB_ERROR_LASTS_S = 3.0, 5.0
"""A track's errors of velocity stay the same for about so long: a tracker's memory."""
ERROR_SWING = 0.7
"""Share of a state's variance that changes within the window; the rest stays and disturbs no spread."""
WIND_UNKNOWN_MPS = 4.0
"""1σ of a wind that nobody told, by axis, so 5 m/s on average: what flies through the air is faster or slower over
ground by it (assumed)."""
BALLOON_GUST_MPS = 0.7
"""1σ by axis of a balloon's velocity about the wind (science.md 1.3 B, assumed)."""
DEPENDENT = 0.7
"""Steadiness, winding and style of flight are told by the same wiggles: each counts by this (science.md 4.4, ξ)."""
BUILDS_S, WINDS_S = 10.0, 20.0
"""Speed and course take so long to vary as much as they do: a track of five seconds is always steady."""
SPEED_LASTS_S = 8.0
"""How long a speed lasts: leg, dash or hover. States within it are one look at what the class's speeds are."""
COLUMNS = 11
LASTS, SPEED_SUM, SPEED2, SPEED_VAR, EAST, NORTH, UP, UP_VAR, WAY, WIND2, AIR_LASTS = range(COLUMNS)
GROUND, AIR = range(2)

U = column(lambda profile: profile.unsteady_mps[0])
U_SPREAD = column(lambda profile: profile.unsteady_mps[1])
W = column(lambda profile: profile.winding[0])
W_SPREAD = column(lambda profile: profile.winding[1])
IN_AIR = column(lambda profile: float(profile.in_air))
STYLES = np.array([PROFILES.get(c, PROFILES[ObjectClass.UNKNOWN]).styles for c in ObjectClass])
STYLES = STYLES / STYLES.sum(axis=1, keepdims=True)


def add_up(sums: Floats, speeds: Floats, gap_s: Floats, x: Floats, P: Floats, wind: tuple[Floats, Floats]) -> None:
    """Take new states into the sums float64[K, COLUMNS] and ``speeds`` float64[K, 2, C], in place.

    ``gap_s`` float64[K] since the state before, negative for a first one. ``wind``: the air's velocity at its place,
    float64[K, 2], and its 1σ by axis, float64[K]; NaN: not known.
    """
    worth = np.where(gap_s < 0.0, FIRST_S, np.minimum(gap_s, LONGEST_S))
    fade = np.exp(-np.maximum(gap_s, 0.0) / WINDOW_S)
    sums *= fade[:, None]
    speeds *= fade[:, None, None]
    var, raw = 0.5 * (P[:, 3, 3] + P[:, 4, 4]), np.hypot(x[:, 3], x[:, 4])
    # |v|² of an estimate is too large by the variance across its way
    speed = np.sqrt(np.maximum(raw**2 - var, 0.0))
    known = np.isfinite(wind[1])
    air, air_sigma = np.where(known[:, None], wind[0], 0.0), np.where(known, wind[1], 0.0)
    parts = {
        LASTS: 1.0, SPEED_SUM: speed, SPEED2: speed**2, SPEED_VAR: var, EAST: x[:, 3], NORTH: x[:, 4], UP: x[:, 5],
        UP_VAR: P[:, 5, 5], WAY: raw, WIND2: np.where(known, (air**2).sum(axis=1), 2.0 * WIND_UNKNOWN_MPS**2),
        AIR_LASTS: known,
    }  # fmt: skip
    for k, value in parts.items():
        sums[:, k] += worth * value
    over_ground = SPEED.log(speed, var[:, None] + IN_AIR * WIND_UNKNOWN_MPS**2)
    through_air = air_rows(x, var, speed, air, air_sigma, over_ground)
    speeds[:, GROUND] += worth[:, None] * over_ground
    speeds[:, AIR] += worth[:, None] * np.where(known[:, None], through_air, over_ground)


def air_rows(x: Floats, var: Floats, speed: Floats, air: Floats, sigma: Floats, over_ground: Floats) -> Floats:
    """ln P(velocity | wind, class) as a density of the speed over ground: 2πs times that in the plane, float64[K, C].

    In the plane a speed s that may point anywhere has the density p(s)/2πs, a balloon's velocity is normal about the
    wind's.
    """
    apart2 = (x[:, 3] - air[:, 0]) ** 2 + (x[:, 4] - air[:, 1]) ** 2
    through = np.sqrt(np.maximum(apart2 - var, 0.0))
    outward = np.log(np.maximum(speed, 1.0))
    in_air = SPEED.log(through, var + sigma**2) + (outward - np.log(np.maximum(through, 1.0)))[:, None]
    out = np.where(IN_AIR > 0.0, in_air, over_ground)
    spread = sigma**2 + BALLOON_GUST_MPS**2 + var
    out[:, ObjectClass.BALLOON] = outward - 0.5 * apart2 / spread - np.log(spread)
    return out


def style_rows(styles: Floats, usual: Floats, gap_s: Floats) -> Floats:
    """ln of how much likelier each class makes the modes the tracker sees than the tracker expected, tempered.

    The step of the class–mode chain of science.md 1.3, Σ_m P(m | class) P(m | data)/P(m), with modes at their usual
    shares: ``styles`` float64[K, 4], ``usual`` float64[4]. Returns float64[K, C].
    """
    ratio = styles / np.maximum(usual, 1e-3)
    return np.asarray(np.log(ratio @ STYLES.T + 1e-6) * half_worth(gap_s, STYLE_LASTS_S)[:, None])


def speed_of(sums: Floats) -> tuple[Floats, Floats]:
    """Mean speed over ground and the variance of its error, float64[K] both."""
    lasts = sums[:, LASTS]
    return sums[:, SPEED_SUM] / lasts, sums[:, SPEED_VAR] / lasts / (1.0 + lasts / SPEED_ERROR_LASTS_S)


def climb_of(sums: Floats) -> tuple[Floats, Floats]:
    """The same of the vertical speed."""
    lasts = sums[:, LASTS]
    return sums[:, UP] / lasts, sums[:, UP_VAR] / lasts / (1.0 + lasts / CLIMB_ERROR_LASTS_S)


def speed_rows(sums: Floats, speeds: Floats) -> Floats:
    """ln P(speeds | class) of one of the two in ``speeds``, float64[K, C] in and out: the mean over the window, times
    the number of looks that it is worth."""
    lasts = sums[:, LASTS]
    return np.asarray(speeds / lasts[:, None] * (1.0 + 0.5 * lasts / SPEED_LASTS_S)[:, None])


def unsteady_of(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """ln of the speed's 1σ; what each class expects of it, float64[K, C]; and the spread about that, float64[K, C]."""
    lasts, noise = sums[:, LASTS], ERROR_SWING * sums[:, SPEED_VAR] / sums[:, LASTS]
    var = np.maximum(sums[:, SPEED2] / lasts - (sums[:, SPEED_SUM] / lasts) ** 2, 0.0)
    own = U**2 * (1.0 - np.exp(-lasts / BUILDS_S))[:, None]
    # who turns in a wind is faster with it than against it
    turned = np.minimum(2.0 * wound_of(sums), 1.0) * 0.5 * sums[:, WIND2] / lasts
    own = own + IN_AIR * turned[:, None]
    whole = own + noise[:, None] + 0.01
    spread = np.sqrt((U_SPREAD * own / whole) ** 2 + 0.5 / (1.0 + lasts / STYLE_LASTS_S)[:, None] + 0.02)
    return 0.5 * np.log(var + 0.01), 0.5 * np.log(whole), spread


def wound_of(sums: Floats) -> Floats:
    """1 − way made good / way flown, float64[K]."""
    return np.asarray(1.0 - np.minimum(np.hypot(sums[:, EAST], sums[:, NORTH]) / np.maximum(sums[:, WAY], 1e-3), 1.0))


def winding_of(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """The same of 1 − way made good / way flown."""
    lasts, found = sums[:, LASTS], wound_of(sums)
    noise = 0.5 * ERROR_SWING * sums[:, SPEED_VAR] * lasts / np.maximum(sums[:, WAY], 1e-3) ** 2
    own = W * (1.0 - np.exp(-lasts / WINDS_S))[:, None]
    whole = own + noise[:, None] + 1e-3
    spread = np.sqrt((W_SPREAD * own / whole) ** 2 + 0.5 / (1.0 + lasts / STYLE_LASTS_S)[:, None] + 0.02)
    return np.log(found + 1e-3), np.log(np.minimum(whole, 1.0)), spread


def _normal(found: Floats, expected: Floats, spread: Floats) -> Floats:
    return np.asarray(-0.5 * ((found[:, None] - expected) / spread) ** 2 - np.log(spread))


def rows(sums: Floats, speeds: Floats, style: Floats) -> Floats:
    """ln P(motion | class) up to a constant, float64[K, N_CLASS]. ``style``: the sum of ``style_rows``."""
    climb, climb_var = climb_of(sums)
    wiggles = _normal(*unsteady_of(sums)) + _normal(*winding_of(sums)) + style
    return np.asarray(speed_rows(sums, speeds[:, GROUND]) + CLIMB.log(climb, climb_var) + DEPENDENT * wiggles)


def deviance(sums: Floats, c: NDArray[np.intp]) -> Floats:
    """How far speed, climb and steadiness are from what class ``c`` int[K] does, as a sum of three z², float64[K]."""
    speed, var = speed_of(sums)
    climb, climb_var = climb_of(sums)
    found, expected, spread = unsteady_of(sums)
    k = np.arange(len(c))
    unsteady = ((found - expected[k, c]) / spread[k, c]) ** 2
    away: Floats = SPEED.deviance(speed, var + IN_AIR[c] * WIND_UNKNOWN_MPS**2, c)
    return np.asarray(away + CLIMB.deviance(climb, climb_var, c) + unsteady)
