"""Why a claim is believed or not, in plain words with numbers: how far, how sure, which sensor."""

import math

from lowsky.model.measurement import Floats

COMPASS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


def length(m: float) -> str:
    return f"{m:.0f} m" if m < 1000.0 else f"{m / 1000.0:.1f} km"


def direction(east: float, north: float) -> str:
    return COMPASS[round(math.atan2(east, north) / (math.pi / 4.0)) % 8]


def odds(lie: float) -> str:
    """The odds e^lie against a claim, rounded; more than a million to one is no number anybody can vouch for."""
    times = math.exp(min(lie, math.log(1e6)))
    scale = 10.0 ** math.floor(math.log10(max(times, 1.0)))
    return f"{'over ' if lie > math.log(1e6) else ''}{round(times / scale) * scale:,.0f} to 1"


def seen_elsewhere(sensor: str, d: Floats, sigma_m: float, lie: float) -> str:
    """``d`` float64[3]: from where it says to where the sensor sees it."""
    level = math.hypot(d[0], d[1])
    if level >= abs(d[2]) or level > 3.0 * sigma_m:
        what = f"{length(level)} ± {length(sigma_m)} {direction(d[0], d[1])} of where it says"
    else:
        what = f"{length(abs(d[2]))} {'higher' if d[2] > 0.0 else 'lower'} than it says"
    return f"{sensor} sees it {what}; odds against it {odds(lie)}"


def nobody_there(sensor: str, misses: int, lie: float) -> str:
    return f"{sensor} saw nothing where it says in {misses} looks; odds against it {odds(lie)}"


def escorted(sensor: str, misses: int, track_id: int, d: Floats, lie: float) -> str:
    where = f"{length(math.hypot(d[0], d[1]))} {direction(d[0], d[1])} of there"
    return (
        f"{sensor} saw nothing where it says in {misses} looks, but track {track_id}, which moves as it does, {where}; "
        f"odds against it {odds(lie)}"
    )


def two_places(far_m: float) -> str:
    return f"one name at two places at once, {length(far_m)} apart"


def played_again(lag_s: float) -> str:
    return f"its positions repeat, to the last digit, those of {lag_s:.0f} s before"


def seen_there(sensor: str, d: Floats, sigma_m: float) -> str:
    return f"{sensor} sees an object {length(math.hypot(d[0], d[1]))} ± {length(sigma_m)} from where it says"


def unknown_errors(sensor: str, d: Floats) -> str:
    level = length(math.hypot(d[0], d[1]))
    return f"{sensor} sees an object {level} from where it says, but how far {sensor} is off is not known yet"
