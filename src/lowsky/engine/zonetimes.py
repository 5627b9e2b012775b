"""When a geo-zone of a file applies: dates, days and clock times → ``Period``. What is not understood is always on."""

import re
from datetime import UTC, datetime

from lowsky.constants import SECOND_NS
from lowsky.model.zone import ALL_DAYS, DAY_S, Period
from lowsky.wire.geozones.fields import Applicability, Daily

DAYS = {name: 1 << k for k, name in enumerate(("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"))} | {"ANY": ALL_DAYS}
CLOCK = re.compile(r"^([01]\d|2[0-4]):([0-5]\d)(?::([0-5]\d)(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$")
UNKNOWN_ZONE_S = 14 * 3600  # clocks on earth are between −12 and +14 h of UTC
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def periods_of(applies: tuple[Applicability, ...]) -> tuple[tuple[Period, ...], list[str]]:
    """Times of which one has to hold (none: always), and what of the file was not understood."""
    notes: list[str] = []
    periods = []
    for one in applies:
        weekly = [_daily(daily, notes) for daily in one.schedule or ()]
        known = tuple(hours for hours in weekly if hours is not None)
        periods.append(
            Period(
                begin_ns=_moment(one.start_date_time, -1, notes), end_ns=_moment(one.end_date_time, 1, notes),
                weekly=known if len(known) == len(weekly) else (),
            )
        )  # fmt: skip
    return (() if Period() in periods else tuple(periods)), notes


def _moment(words: str | None, side: int, notes: list[str]) -> int | None:
    """UTC ns of a begin (−1) or end (1); without an offset from UTC, the earliest or latest it can mean."""
    if words is None:
        return None
    try:
        moment = datetime.fromisoformat(words)
        seconds = 0
        if moment.tzinfo is None:
            moment, seconds = moment.replace(tzinfo=UTC), side * UNKNOWN_ZONE_S
            notes.append("dates without Z or an offset: taken 14 h longer on either side")
        if FIRST <= moment <= LAST:
            return (int(moment.timestamp()) + seconds) * SECOND_NS
        return None  # 9999 and the like: for ever
    except (ValueError, OverflowError):
        notes.append("dates that are none: taken for no limit")
        return None


def _daily(daily: Daily, notes: list[str]) -> tuple[int, float, float] | None:
    """Days, begin and end, s of UTC; None: not understood."""
    names = [daily.day] if isinstance(daily.day, str) else daily.day
    days = 0
    for name in names:
        days |= DAYS.get(name.upper(), ALL_DAYS)
    days = days or ALL_DAYS
    if daily.start_event or daily.end_event:
        notes.append("times by daylight (BMCT, SR, SS, EECT): taken for all day")
        return days, 0.0, DAY_S
    begin, end = _clock(daily.start_time, 0.0), _clock(daily.end_time, DAY_S)
    if begin is None or end is None:
        notes.append("clock times without Z or an offset: taken for all week")
        return None
    while end <= begin:
        end += DAY_S
    end = min(end, begin + DAY_S)
    shift = int(begin // DAY_S)  # an offset may carry it into the day before or after
    for _ in range(shift % 7):
        days = (days << 1 | days >> 6) & ALL_DAYS
    return days, begin - shift * DAY_S, end - shift * DAY_S


def _clock(words: str | None, missing: float) -> float | None:
    if words is None:
        return missing
    found = CLOCK.match(words)
    if found is None or found[4] is None:
        return None
    second = 3600.0 * int(found[1]) + 60.0 * int(found[2]) + float(found[3] or 0)
    if found[4] == "Z":
        return second
    sign, hours, minutes = found[4][0], int(found[4][1:3]), int(found[4][-2:])
    return second - (3600.0 * hours + 60.0 * minutes) * (1 if sign == "+" else -1)
