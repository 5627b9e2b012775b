"""What `lowsky check` says of zones, files of zones and rules."""

import math
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from lowsky.constants import SECOND_NS
from lowsky.model.site import Site
from lowsky.model.zone import ALL_DAYS, Period, Zone, is_over_api

MOST_ROWS = 40
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def print_zones(site: Site, console: Console) -> None:
    """Files first, with everything that is not as they say; then zones, then which rules watch how many of them."""
    for file in site.zone_files:
        parts = [f"{file.zones} watched", f"{file.elsewhere} elsewhere" if file.elsewhere else ""]
        parts.append(f"{file.unwanted} not asked for" if file.unwanted else "")
        _say(console, f"Zones of {file.id} ({file.path}): " + ", ".join(p for p in parts if p))
        for words in file.lost:
            _say(console, f"  NOT WATCHED  {words}")
        for words in file.notes:
            _say(console, f"  safe side    {words}")
    zones = Table(title="Zones", title_justify="left")
    for name in ("zone", "shape", "height", "when (UTC)", "called"):
        zones.add_column(name, overflow="fold")
    for zone in site.zones[:MOST_ROWS]:
        called = " · ".join(words for words in (zone.label, zone.restriction) if words)
        zones.add_row(*map(_plain, (zone.id, _shape(zone), _heights(zone), _when(zone.periods), called)))
    if site.zones:
        console.print(zones)
    if len(site.zones) > MOST_ROWS:
        _say(console, f"and {len(site.zones) - MOST_ROWS} more")
    known = {zone.id for zone in site.zones}
    for rule in site.rules:
        n = sum(zone in known for zone in rule.zones)
        parts = [f"{n} zone{'s' * (n != 1)}"] if n or not any(map(is_over_api, rule.zones)) else []
        parts += ["zones put over the API"] if any(map(is_over_api, rule.zones)) else []
        where = " and ".join(parts) if rule.zones else "everywhere"
        _say(console, f"Rule {rule.id} ({rule.priority}): {where}, {_when(rule.periods)}")


def _say(console: Console, words: str) -> None:
    console.print(words, markup=False, highlight=False)


def _plain(words: str) -> str:
    return words.replace("[", "\\[")


def _shape(zone: Zone) -> str:
    if zone.shape == "circle":
        return f"circle of {zone.reach_m:g} m"
    if zone.shape == "corridor":
        return f"corridor, {2.0 * zone.reach_m:g} m wide"
    holes = f", {len(zone.holes)} hole{'s' * (len(zone.holes) > 1)}" if zone.holes else ""
    return f"polygon, {len(zone.corners)} corners{holes}"


def _heights(zone: Zone) -> str:
    low, high = math.isfinite(zone.floor_m), math.isfinite(zone.ceiling_m)
    if low and high:
        return f"{zone.floor_m:.0f} to {zone.ceiling_m:.0f} m"
    return f"above {zone.floor_m:.0f} m" if low else f"below {zone.ceiling_m:.0f} m" if high else "all"


def _when(periods: tuple[Period, ...]) -> str:
    return "; ".join(_period(period) for period in periods) or "always"


def _period(period: Period) -> str:
    parts = []
    for word, t_ns in (("from", period.begin_ns), ("until", period.end_ns)):
        if t_ns is not None:
            parts.append(f"{word} {datetime.fromtimestamp(t_ns // SECOND_NS, UTC):%Y-%m-%d %H:%M}")
    for days, begin, end in period.weekly:
        named = "" if days == ALL_DAYS else "/".join(d for k, d in enumerate(DAYS) if days >> k & 1) + " "
        clock = (
            f"{int(begin // 3600):02}:{int(begin // 60 % 60):02}-{int(end // 3600 % 24):02}:{int(end // 60 % 60):02}"
        )
        parts.append(named + clock)
    return ", ".join(parts)
