"""A zone that no sensor watches any more is an alert."""

from lowsky.engine.config import parse_site
from lowsky.model.events import AlertCleared, AlertRaised, SensorDown, SensorUp
from lowsky.warn.desk import Desk

RADAR = """[[sensor]]
id = "{id}"
kind = "radar"
latitude_deg = 45.0
longitude_deg = 8.0
height_m = 110.0
sigma_range_m = 10.0
sigma_azimuth_deg = 0.5
max_range_m = {reach}
azimuth_deg = {sector}
"""
SITE = """[site]
name = "x"
latitude_deg = 45.0
longitude_deg = 8.0
height_m = 100.0
[[zone]]
id = "north"
shape = "circle"
latitude_deg = 45.03
longitude_deg = 8.0
radius_m = 300.0
[[rule]]
id = "inside"
priority = "high"
zones = "north"
"""


def desk(**radars):
    sensors = [RADAR.format(id=name, reach=reach, sector=sector) for name, (reach, sector) in radars.items()]
    return Desk(parse_site(SITE + "".join(sensors)))


def down(name):
    return SensorDown(seq=0, t_event_ns=1, sensor=name, cause="silent")


def raised(events):
    return [event.title for event in events if isinstance(event, AlertRaised) and event.sensor is None]


def test_a_zone_is_lost_with_the_last_sensor_that_reaches_it_and_found_with_the_first():
    here = desk(a=(9000.0, "[0.0, 360.0]"), b=(9000.0, "[-20.0, 20.0]"))
    assert raised(here.step([down("a")])) == []
    (title,) = raised(here.step([down("b")]))
    assert title.startswith("north is not watched") and "a, b" in title
    back = here.step([SensorUp(seq=0, t_event_ns=2, sensor="a", cause="data arrives")])
    assert [type(event) for event in back] == [AlertCleared, AlertCleared]  # of the sensor and of the zone


def test_a_sensor_that_cannot_see_the_zone_does_not_watch_it():
    here = desk(near=(1000.0, "[0.0, 360.0]"), away=(9000.0, "[90.0, 270.0]"), good=(9000.0, "[0.0, 360.0]"))
    assert len(raised(here.step([down("good")]))) == 1
