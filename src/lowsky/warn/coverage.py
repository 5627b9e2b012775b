"""Which zones nobody watches: all sensors that reach one are down."""

import numpy as np

from lowsky.geo.enu import EnuFrame
from lowsky.model.site import Sensor, Site
from lowsky.model.zone import Zone


def reaches(sensor: Sensor, zone: Zone, site: Site) -> bool:
    """Is a corner (or the middle) of the zone within range and sector? Not of receivers of what objects say of
    themselves: they do not watch, they listen to who wants to be heard."""
    if sensor.kind == "cooperative":
        return False
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    latitude, longitude = np.array(zone.corners).T
    level = np.full(len(latitude), site.height_m)
    corners = frame.pos_enu(latitude, longitude, level)[:, :2]
    places = np.vstack((corners, corners.mean(axis=0)))
    here = frame.pos_enu(
        np.array([sensor.latitude_rad]), np.array([sensor.longitude_rad]), np.array([sensor.height_m])
    )[0, :2]
    east, north = (places - here).T
    away_m = np.hypot(east, north)
    begin, end = sensor.azimuth_rad
    within = (np.arctan2(east, north) - begin) % (2.0 * np.pi) <= end - begin
    return bool((within & (away_m - zone.reach_m <= sensor.max_range_m)).any() or (away_m <= zone.reach_m).any())


Watched = tuple[tuple[str, ...], tuple[str, ...]]  # sensors, and the zones that they and nobody else reach


class Lookout:
    """Who watches the zones that rules speak of, and who is down. Zones that the same sensors reach are lost together:
    one alert. A zone that no sensor reaches at the best of times is no news."""

    def __init__(self, site: Site) -> None:
        self._reached: dict[str, tuple[Zone, tuple[str, ...]]] = {}  # by which sensors
        self._groups = self._grouped(site)
        self._down: set[str] = set()

    def _grouped(self, site: Site) -> list[Watched]:
        spoken_of = {zone for rule in site.rules for zone in rule.zones}
        before, self._reached = self._reached, {}
        groups: dict[tuple[str, ...], list[str]] = {}
        for zone in site.zones:
            if zone.id in spoken_of:
                known, sensors = before.get(zone.id, (None, ()))
                if known is not zone:
                    sensors = tuple(sensor.id for sensor in site.sensors if reaches(sensor, zone, site))
                self._reached[zone.id] = zone, sensors
                groups.setdefault(sensors, []).append(zone.id)
        groups.pop((), None)
        return [(sensors, tuple(zones)) for sensors, zones in groups.items()]

    def change(self, site: Site) -> tuple[list[Watched], list[Watched]]:
        """The same site with other zones: what is not watched from now on, and what nobody waits for any more."""
        before = self._unwatched()
        self._groups = self._grouped(site)
        return self._change_since(before)

    def hear(self, sensor: str, is_down: bool) -> tuple[list[Watched], list[Watched]]:
        """What is not watched from now on, and what is again."""
        before = self._unwatched()
        (self._down.add if is_down else self._down.discard)(sensor)
        return self._change_since(before)

    def _change_since(self, before: list[Watched]) -> tuple[list[Watched], list[Watched]]:
        after = self._unwatched()
        return [group for group in after if group not in before], [group for group in before if group not in after]

    def _unwatched(self) -> list[Watched]:
        return [group for group in self._groups if self._down.issuperset(group[0])]

    def dump(self) -> list[str]:
        return sorted(self._down)

    def load(self, down: list[str]) -> None:
        self._down = set(down)
