"""The site file: every fault at once, each with its line and what would be right."""

import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowsky.engine.config import parse_site, read_site, whole_text
from lowsky.errors import ConfigError
from lowsky.model.measurement import MeasurementKind

GOOD = """
[site]
name = "Harbour"
latitude_deg = 37.4500
longitude_deg = 126.6000
height_m = 30.0

[[sensor]]
id = "radar-1"
kind = "radar"
latitude_deg = 37.4510
longitude_deg = 126.6010
height_m = 42.0
sigma_range_m = 10.0
sigma_azimuth_deg = 0.5
sigma_elevation_deg = 1.0
sigma_range_rate_mps = 0.5
detection_probability = 0.9
clutter_per_look = 20.0
look_period_s = 1.0
min_range_m = 50.0
max_range_m = 5000.0
azimuth_deg = [350.0, 10.0]
elevation_deg = [0.0, 45.0]

[[feed]]
sensor = "radar-1"
format = "table"
source = "file:plots.parquet"
"""


def faults(source):
    with pytest.raises(ConfigError) as caught:
        parse_site(source)
    return [str(fault) for fault in caught.value.faults]


def test_a_sensor_that_delivers_tracks_needs_no_radar_sigmas_and_gives_positions():
    bare = "\n".join(line for line in GOOD.splitlines() if not line.startswith("sigma_"))
    (sensor,) = parse_site(bare.replace('kind = "radar"', 'kind = "radar"\ndelivers = "tracks"')).sensors
    assert sensor.measures is MeasurementKind.REPORT
    (said,) = faults(GOOD.replace('kind = "radar"', 'kind = "radar"\ndelivers = "rumours"'))
    assert "plots, tracks" in said


def test_the_contracts_site_file_is_read_into_si_units_and_radians():
    site = parse_site(GOOD)
    (radar,) = site.sensors
    assert radar.sigma_azimuth_rad == pytest.approx(math.radians(0.5))
    assert radar.azimuth_rad == pytest.approx((math.radians(350), math.radians(370)))
    assert site.latitude_rad == pytest.approx(math.radians(37.45))
    assert site.feeds[0].source == "file:plots.parquet"


def test_every_fault_is_reported_at_once_with_its_line():
    wrong = (
        GOOD.replace("latitude_deg = 37.4500", "latitude_deg = 95.0")
        .replace('kind = "radar"', 'kind = "sonar"')
        .replace("detection_probability = 0.9", "detection_probability = 9")
        .replace("max_range_m = 5000.0", "max_rnage_m = 5000.0")
        .replace('format = "table"', 'format = "tabel"')
    )
    found = faults(wrong)
    assert found[0].startswith("site.toml:4: site.latitude_deg: found 95.0; expected a number from -90 to 90")
    assert any(f.startswith("site.toml:10: sensor.kind: found 'sonar'; expected one of radar") for f in found)
    assert any("sensor.detection_probability: found 9;" in f for f in found)
    assert any("sensor.max_rnage_m: found an unknown key" in f for f in found)
    assert any("feed.format: found 'tabel'; expected one of" in f for f in found)


def test_a_number_that_is_not_finite_or_not_a_number_is_refused():
    assert faults(GOOD.replace("height_m = 30.0", "height_m = nan"))
    assert faults(GOOD.replace("height_m = 30.0", "height_m = true"))
    assert faults(GOOD.replace("height_m = 30.0", 'height_m = "30"'))


def test_a_radar_without_its_sigmas_is_told_which_are_missing():
    found = faults(GOOD.replace("sigma_range_m = 10.0\n", "").replace("sigma_azimuth_deg = 0.5\n", ""))
    assert len(found) == 2
    assert "sigma_range_m" in found[0]


def test_two_sensors_of_one_name_and_a_feed_for_nobody_are_faults():
    sensor = GOOD[GOOD.index("[[sensor]]") : GOOD.index("[[feed]]")]
    found = faults(GOOD.replace("[[feed]]", sensor + "[[feed]]"))
    assert any("'radar-1' again" in f for f in found)
    assert any(
        "expected the id of a [[sensor]]" in f for f in faults(GOOD.replace('sensor = "radar-1"', 'sensor = "x"'))
    )


def test_a_source_the_format_cannot_read_is_a_fault():
    assert any("feed.source" in f for f in faults(GOOD.replace("file:plots.parquet", "carrier-pigeon:coop")))


def test_an_option_the_format_does_not_know_is_a_fault():
    assert any("feed.colour: found" in f for f in faults(GOOD + 'colour = "red"\n'))


def test_broken_toml_and_a_missing_file_are_one_line_each(tmp_path):
    assert len(faults("[site\n")) == 1
    with pytest.raises(ConfigError, match="No such file"):
        read_site(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "endless",
    ["a = " + "[" * 5000 + "]" * 5000, "a = " + "9" * 5000, "latitude_deg = 0x" + "f" * 5000],
    ids=["nesting", "decimal", "hexadecimal"],
)
def test_endless_nesting_and_numbers_are_faults(endless):
    """A recording's site file may be anybody's."""
    found = faults(f"[site]\n{endless}\n")
    assert all(len(fault) < 300 for fault in found)


def test_a_feeds_fault_stands_at_its_own_line_also_behind_a_feed_that_could_not_be_read():
    wrong = GOOD.replace("[[feed]]", '[[feed]]\nsensor = "radar-1"\n\n[[feed]]').replace('"table"', '"tabel"')
    found = faults(wrong)
    line = 1 + wrong.splitlines().index('format = "tabel"')
    assert any(f.startswith(f"site.toml:{line}: feed.format: found 'tabel'") for f in found), found


def test_a_feed_is_not_blamed_for_the_faults_of_its_sensor():
    (fault,) = faults(GOOD.replace('kind = "radar"', 'kind = "sonar"'))
    assert "sensor.kind: found 'sonar'" in fault


def test_no_site_table_is_said():
    assert any("no [site] table" in f for f in faults("[[sensor]]\n"))


@given(st.text(max_size=300))
def test_whatever_the_text_only_config_errors_come_out(text):
    try:
        parse_site(text)
    except ConfigError as error:
        assert error.faults


def test_the_example_sites_of_the_documentation_are_good():
    for path in Path(__file__).parents[3].glob("examples/*.toml"):
        read_site(path)


@pytest.mark.parametrize("said", ["", "exercise = false\n", "exercise = true\n"])
def test_an_exercise_that_the_command_line_asks_for_is_in_what_is_recorded(said):
    text = f'[site]  # here\n{said}name = "x"\nlatitude_deg = 1.0\nlongitude_deg = 2.0\nheight_m = 3.0\n'
    site = parse_site(text)
    whole = whole_text(text, msgspec.structs.replace(site, exercise=True))
    assert parse_site(whole) == msgspec.structs.replace(site, exercise=True)
    assert whole_text(text, site) == text
