"""[[zone]] and [[rule]] of the site file: what is read, and every fault at its line."""

import math

import pytest

from lowsky.engine.config import parse_site
from lowsky.errors import ConfigError
from lowsky.model.zone import every_day

SITE = """[site]
name = "x"
latitude_deg = 45.0
longitude_deg = 8.0
height_m = 100.0
"""
SQUARE = """[[zone]]
id = "yard"
shape = "polygon"
latitude_deg = [45.0, 45.0, 45.01, 45.01]
longitude_deg = [8.0, 8.01, 8.01, 8.0]
"""
RULE = """[[rule]]
id = "in the yard"
priority = "high"
zones = "yard"
"""


def faults(text):
    with pytest.raises(ConfigError) as caught:
        parse_site(SITE + text)
    return [(fault.where, fault.found) for fault in caught.value.faults]


def test_zones_and_rules_become_facts_in_radians():
    site = parse_site(SITE + SQUARE + 'floor_height_m = 0.0\nhours_utc = ["22:00-06:00", "12:00-13:30"]\n' + RULE)
    (zone,), (rule,) = site.zones, site.rules
    assert zone.corners[2] == (math.radians(45.01), math.radians(8.01))
    assert (zone.floor_m, zone.ceiling_m) == (0.0, math.inf)
    assert zone.periods == every_day(((79_200.0, 108_000.0), (43_200.0, 48_600.0)))
    assert rule.zones == ("yard",) and rule.within_s == 0.0 and rule.classes == ()


def test_a_night_goes_on_past_midnight():
    (zone,) = parse_site(SITE + SQUARE + 'hours_utc = "22:00-06:00"\n').zones
    hour_ns = 3600 * 10**9
    day_ns = 20_000 * 24 * hour_ns
    assert [zone.is_watched(day_ns + h * hour_ns) for h in (0, 5, 6, 12, 21, 22, 23)] == [
        True, True, False, False, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        (SQUARE.replace("8.01, 8.01, 8.0]", "8.01, 8.0, 8.01]"), "latitude_deg", "edges"),
        (SQUARE.replace("[45.0, 45.0, 45.01, 45.01]", "[45.0, 45.0]").replace("[8.0, 8.01, 8.01, 8.0]", "[8.0, 8.01]"),
         "latitude_deg", "2 corners"),
        (SQUARE.replace("45.01, 45.01]", "45.0, 45.0]"), "latitude_deg", "a polygon without area"),
        (SQUARE.replace("45.01, 45.01]", "49.0, 49.0]"), "latitude_deg", "corners more than 200 km"),
        (SQUARE + "ceiling_height_m = 10.0\nfloor_height_m = 20.0\n", "ceiling_height_m", "10"),
        (SQUARE + "radius_m = 10.0\n", "radius_m", "a polygon with radius_m"),
        (SQUARE.replace("polygon", "corridor"), "", "a corridor without width_m"),
        (SQUARE + 'hours_utc = "25:00-06:00"\n', "hours_utc", "'25:00-06:00'"),
        (SQUARE + SQUARE, "id", "'yard' again"),
        (SQUARE.replace("45.0, 45.0,", "nan, 45.0,"), "latitude_deg", "[nan"),
    ],
)  # fmt: skip
def test_a_wrong_zone_is_one_fault_at_its_line(text, key, found):
    ((where, said),) = faults(text)
    assert where.startswith("site.toml:") and where.endswith(f"zone.{key}" if key else "zone")
    assert said.startswith(found)


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        (RULE, "zones", "'yard'"),
        (SQUARE + RULE + 'classes = "aircraft carrier"\n', "classes", "'aircraft carrier'"),
        (SQUARE + RULE.replace('zones = "yard"\n', "") + "within_s = 60\n", "within_s", "a time to no zone"),
        (SQUARE + RULE + RULE.replace("in the yard", "too").replace("high", "low"), "priority", "low, where"),
        (SQUARE + "ceiling_height_m = 300.0\n" + RULE + "floor_height_m = 400.0\n", "zones", "heights at which"),
        (
            SQUARE + 'hours_utc = "22:00-06:00"\n' + RULE + 'hours_utc = ["06:00-12:00", "13:00-22:00"]\n',
            "hours_utc",
            "hours at which",
        ),
        (SQUARE + RULE + "cost_missed = 3\n", "", "one cost"),
        (SQUARE + RULE + "cost_missed = 3\ncost_false = 1\nexistence = 0.5\n", "existence", "a limit beside costs"),
        (SQUARE + RULE + 'anonymous = true\nidentity = "none"\n', "anonymous", "anonymous beside identity"),
        (SQUARE + RULE + 'identity = "hostile"\n', "identity", "'hostile'"),
        (SQUARE + RULE + 'hours_utc = "7 to 9"\n', "hours_utc", "'7 to 9'"),
        (SQUARE + RULE + "speed_mps = [9, 3]\n", "speed_mps", "[9, 3]"),
        (SQUARE + RULE + "anonymous = 1\n", "anonymous", "1"),
        (SQUARE + RULE + "aim = true\n", "aim", "an unknown key"),
    ],
)
def test_a_wrong_rule_is_one_fault_at_its_line(text, key, found):
    ((where, said),) = faults(text)
    assert where.startswith("site.toml:") and where.endswith(f"rule.{key}" if key else "rule")
    assert said.startswith(found)


@pytest.mark.parametrize("hours", ["21:00-22:01", "05:59-06:00", "00:00-01:00", "12:00-02:00", "23:00-23:01"])
def test_a_rule_may_hold_in_a_part_of_its_zones_hours(hours):
    (rule,) = parse_site(SITE + SQUARE + 'hours_utc = "22:00-06:00"\n' + RULE + f'hours_utc = "{hours}"\n').rules
    assert rule.periods


def test_a_rule_for_one_zone_of_its_hours_among_others_or_for_zones_that_come_is_no_fault():
    day = SQUARE.replace('"yard"', '"day"') + 'hours_utc = "06:00-22:00"\n'
    text = SQUARE + 'hours_utc = "22:00-06:00"\n' + day
    for zones in ('["yard", "day"]', '["yard", "api"]'):
        assert parse_site(SITE + text + RULE.replace('"yard"', zones) + 'hours_utc = "08:00-09:00"\n').rules


@pytest.mark.parametrize("name", ["api", "api/fair", "api/2026-12-01_fair.north"])
def test_a_rule_may_name_zones_that_will_come_over_the_api(name):
    (rule,) = parse_site(SITE + RULE.replace('"yard"', f'"{name}"')).rules
    assert rule.zones == (name,), "nothing was put yet: a rule for nothing, and not for everywhere"


@pytest.mark.parametrize("name", ["api/", "api/a b", "api/a/b", "api/" + "x" * 65, "apis"])
def test_a_name_that_cannot_come_over_the_api_is_a_fault(name):
    ((where, found),) = faults(RULE.replace('"yard"', f'"{name}"'))
    assert where.endswith("rule.zones") and name[:50] in found


def test_no_zone_of_the_site_file_may_be_called_as_those_of_the_api_are():
    ((where, found),) = faults(SQUARE.replace('"yard"', '"api"'))
    assert where.endswith("zone.id") and found == "'api'"
    ((where, _),) = faults('[[zone_file]]\nid = "api"\npath = "zones.json"\n')
    assert where.endswith("zone_file.id")


def test_a_zone_of_a_million_corners_is_refused_at_once():
    many = ", ".join(["45.0"] * 100_000)
    found = faults(f'[[zone]]\nid = "coast"\nshape = "polygon"\nlatitude_deg = [{many}]\nlongitude_deg = [{many}]\n')
    assert len(found) == 2
