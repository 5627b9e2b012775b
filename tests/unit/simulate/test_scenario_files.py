"""A scenario file is right, or says everything that is wrong with it."""

import typing

import msgspec
import pytest

from lowsky.engine.config import parse_site
from lowsky.errors import ConfigError
from lowsky.geo.enu import EnuFrame
from lowsky.simulate import list_scenarios, load_scenario, parse_scenario
from lowsky.simulate.run import SITE_KEYS, site_toml
from lowsky.simulate.scenario import Sensor

GOOD = """
name = "one"
description = "One balloon, one radar"
duration_s = 20.0

[site]
name = "Here"
latitude_deg = 37.45
longitude_deg = 126.6
height_m = 30.0

[[target]]
name = "balloon"
class = "balloon"
start = { kind = "box", east_m = [0.0, 10.0], north_m = 500.0, up_m = 100.0 }
motion = { kind = "balloon" }

[[sensor]]
id = "radar-1"
kind = "radar"
position_m = [0.0, 0.0, 5.0]
look_period_s = 1.0
detection_probability = 0.9
max_range_m = 5000.0
sigma_range_m = 10.0
sigma_azimuth_deg = 0.5
"""


PATCH = "group = [{ range_m = 9.0, spread_m = 1.0 }]"
FORMATION = 'kind = "formation", radial = {}, tangential = {}, radial_m = 1.0, tangential_m = 1.0'


def faults_of(text):
    with pytest.raises(ConfigError) as caught:
        parse_scenario(text, "one.toml")
    return {fault.where: fault for fault in caught.value.faults}


def test_every_built_in_scenario_reads_and_is_named_like_its_file():
    names = [name for name, _ in list_scenarios()]
    benchmarks = {
        "bearings", "biased-late", "crossing", "emitters", "formation", "low-observable", "mixed", "multirotors",
        "patchy", "raid", "scale", "swarm",
    }  # fmt: skip
    operational = {
        "airport-approach", "border-balloons", "harbour", "harbour-raid", "migration-night", "outage", "prison",
        "town-raid", "urban-multirotors",
    }  # fmt: skip
    assert names == sorted(names)
    assert benchmarks | operational <= set(names)
    for name, description in list_scenarios():
        assert load_scenario(name).name == name
        assert "\n" not in description


def test_a_file_of_ones_own_is_read_by_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_scenario(path).target[0].object_class == "balloon"


def test_all_faults_are_told_at_once():
    text = (
        GOOD.replace("duration_s = 20.0", "duration_s = -1.0")
        .replace('class = "balloon"', 'class = "balloon"\ncolour = "red"')
        .replace('kind = "box"', 'kind = "bix"')
        .replace("look_period_s = 1.0", 'look_period_s = "often"')
        .replace("[0.0, 10.0]", "[10.0, 0.0]")
    )
    faults = faults_of(text)
    assert set(faults) == {
        "one.toml: duration_s",
        "one.toml: target[0].colour",
        "one.toml: target[0].start",
        "one.toml: sensor[0].look_period_s",
    }
    assert "box" in faults["one.toml: target[0].start"].expected


@pytest.mark.parametrize(
    ("right", "wrong", "where"),
    [
        ("[0.0, 10.0]", "[10.0, 0.0]", "target[0].start.east_m"),
        ("north_m = 500.0", "north_m = nan", "target[0].start.north_m"),
        ("up_m = 100.0", "up_m = inf", "target[0].start.up_m"),
        ("height_m = 30.0", "", "site.height_m"),
        ('class = "balloon"', 'class = "baloon"', "target[0].class"),
        ("sigma_azimuth_deg = 0.5", "", "sensor[0].sigma_azimuth_deg"),
        ("max_range_m = 5000.0", "max_range_m = 5000.0\nmin_range_m = 6000.0", "sensor[0].max_range_m"),
        ("max_range_m = 5000.0", 'max_range_m = 5000.0\nonly = ["birds"]', "sensor[0].only"),
        ("max_range_m = 5000.0", "max_range_m = 5000.0\nlatency_s = [-1.0, 2.0]", "sensor[0].latency_s"),
        ("max_range_m = 5000.0", "max_range_m = 5000.0\nazimuth_deg = [90.0, 20.0]", "sensor[0].azimuth_deg"),
        ('kind = "balloon" }', 'kind = "waypoints" }', "target[0].motion.points_m"),
        ('kind = "balloon" }', 'kind = "waypoints", points_m = [[0.0, 0.0, 9.0]] }', "target[0].start.speed_mps"),
        ('kind = "box"', 'kind = ["box"]', "target[0].start"),
        ("north_m = 500.0", "north_m = 1e300", "target[0].start.north_m"),
        ('class = "balloon"', 'class = "balloon"\nappear_s = -5.0', "target[0].appear_s"),
        ('class = "balloon"', 'class = "balloon"\nstay_s = [9.0, 1.0]', "target[0].stay_s"),
        ('class = "balloon"', 'class = "balloon"\nrcs_dbsm = 1e6', "target[0].rcs_dbsm"),
        ('kind = "radar"', 'kind = "cooperative"\nclutter_per_look = 5.0', "sensor[0].clutter_per_look"),
        ("max_range_m = 5000.0", "max_range_m = 2e6", "sensor[0].max_range_m"),
        ("sigma_range_m = 10.0", "sigma_range_m = 2e5", "sensor[0].sigma_range_m"),
        ("duration_s = 20.0", "duration_s = 20.0\nstart = 9999-01-01T00:00:00Z", "start"),
        ("0.5\n", "0.5\nsays = { bird = { bird = 0.7, drone = 0.6 } }\n", "sensor[0].says.bird"),
        ("duration_s = 20.0", "duration_s = 20.0\nstart = 2026-01-01T00:00:00", "start"),
        ("0.5\n", "0.5\npatches = { share = 0.5 }\n", "sensor[0].patches"),
        ("0.5\n", "0.5\npatches = { " + PATCH + " }\n", "sensor[0].patches"),
        ("0.5\n", "0.5\npatches = { " + PATCH.replace("9.0", "-9.0") + " }\n", "sensor[0].patches.group[0].range_m"),
        ("0.5\n", "0.5\nregistration = { bearing_deg = 2.0 }\n", "sensor[0].registration.bearing_deg"),
        ("0.5\n", "0.5\nlink = { stall_s = 8.0, stall_every_s = 8.0 }\n", "sensor[0].link.stall_every_s"),
        ("0.5\n", "0.5\nlink = { late_share = 0.1, late_s = [9.0, 2.0] }\n", "sensor[0].link.late_s"),
        ("0.5\n", "0.5\ncells = { range_m = 0.0 }\n", "sensor[0].cells.range_m"),
        ('kind = "radar"', 'kind = "cooperative"\nregistration = { range_m = 5.0 }', "sensor[0].registration"),
        ('kind = "radar"', 'kind = "cooperative"\ncells = { range_m = 5.0 }', "sensor[0].cells"),
        ('kind = "radar"', 'kind = "camera"\npatches = { share = 1.0, ' + PATCH + " }", "sensor[0].patches"),
        ('kind = "balloon" }', FORMATION.format(1, 1) + " }", "target[0].start"),
        ('kind = "balloon" }', FORMATION.format(2, 3) + " }", "target[0].count"),
        (
            'kind = "balloon" }', FORMATION.format(1, 1) + ", spacing = [[5.0, 1.0], [5.0, 2.0]] }",
            "target[0].motion.spacing",
        ),
    ],
)  # fmt: skip
def test_one_fault_is_told_with_its_place(right, wrong, where):
    assert right in GOOD
    assert f"one.toml: {where}" in faults_of(GOOD.replace(right, wrong))


def test_two_sensors_of_one_name_are_a_fault():
    text = GOOD + GOOD[GOOD.index("[[sensor]]") :]
    assert list(faults_of(text)) == ["one.toml: sensor[1]"]


def test_more_sensors_than_a_site_may_have_are_a_fault():
    sensor = GOOD[GOOD.index("[[sensor]]") :]
    text = GOOD + "".join(sensor.replace("radar-1", f"radar-{k}") for k in range(2, 66))
    assert list(faults_of(text)) == ["one.toml: sensor"]


LIMITS = [
    (field.name, value)
    for field in msgspec.structs.fields(Sensor)
    if field.name in SITE_KEYS
    for part in (field.type, *typing.get_args(field.type))
    for meta in getattr(part, "__metadata__", ())
    if isinstance(meta, msgspec.Meta)
    for value in (meta.ge, meta.le)
]


@pytest.mark.parametrize(("key", "value"), LIMITS)
def test_what_a_scenario_may_say_of_a_sensor_its_site_file_may_say(key, value):
    base = parse_scenario(GOOD)
    sensor = msgspec.structs.replace(base.sensor[0], **({"min_range_m": 0.0, "max_range_m": 1e6} | {key: value}))
    if key == "min_range_m":
        sensor = msgspec.structs.replace(sensor, min_range_m=min(value, 9e5))
    site = site_toml(msgspec.structs.replace(base, sensor=(sensor,)), EnuFrame.at(0.6, 2.2, 30.0))
    assert parse_site(site).sensors[0].id == "radar-1"


def test_a_name_that_is_neither_file_nor_built_in_lists_what_there_is():
    with pytest.raises(ConfigError, match="harbour-raid"):
        load_scenario("habour-raid")


def test_text_that_is_not_toml_is_one_fault(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe name")
    with pytest.raises(ConfigError):
        load_scenario(path)
    for text in ("name = = 3", "name = 1" + "0" * 5000, "name = " + "[" * 3000 + "]" * 3000):
        assert len(faults_of(text)) == 1


def test_a_sensor_is_like_a_set_but_for_its_own_keys(tmp_path):
    text = (
        GOOD
        + """
[[sensor]]
id = "panel"
like = "panel-radar"
position_m = [0.0, 0.0, 5.0]
max_range_m = 3000.0
echo = { notch_mps = 1.5 }
"""
    )
    panel = parse_scenario(text).sensor[-1]
    assert panel.kind == "radar"
    assert panel.r90_m == 900.0
    assert panel.max_range_m == 3000.0
    assert (panel.echo.notch_mps, panel.echo.frequency_ghz) == (1.5, 24.0)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ('like = "no-such-radar"', "like"),
        ('kind = "radar"\nlike = "acoustic-array"', "sound"),
        ('like = "panel-radar"\noff_s = [[20.0, 10.0]]', "off_s"),
        ('like = "panel-radar"\necho = { notch = 1.0 }', "echo.notch"),
        ('like = "panel-radar"\nposition_m = [0.0, 0.0, -5.0]', "position_m"),
    ],
)
def test_what_is_wrong_with_physics_is_told_with_its_key(change, fault):
    place = "" if "position_m" in change else "position_m = [0.0, 0.0, 5.0]\n"
    text = GOOD + f'[terrain]\n[[sensor]]\nid = "panel"\n{place}{change}\n'
    with pytest.raises(ConfigError) as caught:
        parse_scenario(text)
    assert any(fault in told.where for told in caught.value.faults)
