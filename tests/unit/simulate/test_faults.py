"""What goes wrong between the sky and the table, and that the site file says nothing of it."""

import math
import tomllib

import msgspec
import numpy as np
import polars as pl
import pytest

from lowsky.geo.polar import wrap_pi
from lowsky.simulate import idealised, load_scenario, simulate
from lowsky.simulate.faults import registration_of
from lowsky.simulate.scenario import Cells, Link, Registration

PLOT = ("range_m", "azimuth_deg", "elevation_deg", "range_rate_mps")


def seconds_of(world, column, rows):
    start_ms = world.scenario.start.timestamp() * 1000.0
    return (rows[column].dt.timestamp("ns").to_numpy() / 1e6 - start_ms) / 1000.0


def rows_of(world, sensor):
    mine = pl.Series((world.measurements["sensor"] == sensor).to_numpy())
    return world.measurements.filter(mine), world.made_by[mine.to_numpy()]


@pytest.fixture(scope="module")
def world():
    return simulate("biased-late", 2)


@pytest.fixture(scope="module")
def plain():
    return simulate(idealised(load_scenario("biased-late")), 2)


@pytest.mark.parametrize(
    ("sensor", "sizes", "clock_s"), [("radar-1", (60.0, 1.5, 0.5), 0.0), ("radar-2", (30.0, 0.8, 0.3), 0.25)]
)
def test_plots_of_targets_are_off_by_the_errors_and_by_nothing_else(world, plain, sensor, sizes, clock_s):
    (wrong, made_by), (right, also_made_by) = rows_of(world, sensor), rows_of(plain, sensor)
    np.testing.assert_array_equal(made_by, also_made_by)
    there = made_by >= 0
    for name, size in zip(PLOT, (*sizes, 0.0), strict=True):
        off = (wrong[name] - right[name]).to_numpy()
        if name == "azimuth_deg":
            off = np.degrees(wrap_pi(np.radians(off)))
        np.testing.assert_allclose(off[there], np.sign(off[there][0]) * size, atol=1e-9)
        np.testing.assert_array_equal(off[~there][np.isfinite(off[~there])], 0.0)  # noise of the receiver is nowhere
    clock = (wrong["time"] - right["time"]).dt.total_nanoseconds().to_numpy() / 1e9
    np.testing.assert_allclose(np.abs(clock), clock_s)
    assert len(np.unique(clock)) == 1


def test_signs_are_drawn_anew_for_each_seed_and_each_error_for_itself():
    sensor = load_scenario("biased-late").sensor[1]
    drawn = [registration_of(np.random.default_rng(seed), sensor) for seed in range(200)]
    signs = np.sign([(e.range_m, e.azimuth_deg, e.elevation_deg, e.time_s) for e in drawn])
    assert np.abs(signs.sum(axis=0)).max() < 5.0 * math.sqrt(200)
    off_diagonal = (signs.T @ signs)[~np.eye(4, dtype=bool)]
    assert np.abs(off_diagonal).max() < 5.0 * math.sqrt(200)
    assert {abs(e.range_m) for e in drawn} == {30.0}


def test_an_error_without_drawn_signs_is_the_one_written():
    sensor = msgspec.structs.replace(load_scenario("crossing").sensor[0], registration=Registration(range_m=-7.0))
    assert registration_of(np.random.default_rng(0), sensor).range_m == -7.0


def test_the_site_file_tells_no_error_no_stall_and_no_lateness(world, plain):
    assert world.site_toml == plain.site_toml
    sensors = {sensor["id"]: sensor for sensor in tomllib.loads(world.site_toml)["sensor"]}
    assert [sensors[name]["latency_s"] for name in ("radar-1", "radar-2", "remote-id-1")] == [0.05, 0.3, 1.5]
    assert sensors["radar-1"]["sigma_azimuth_deg"] == 0.5
    assert not any("offset" in key for sensor in sensors.values() for key in sensor)


def test_a_stalled_link_delivers_nothing_and_then_everything_at_once(world, plain):
    rows, _ = rows_of(world, "radar-2")
    prompt = seconds_of(plain, "received", rows_of(plain, "radar-2")[0])
    arrives = seconds_of(world, "received", rows)
    stalls = np.arange(25.0, 300.0, 40.0)
    stalled = np.zeros(len(rows), bool)
    for begin in stalls:
        assert not ((arrives >= begin) & (arrives < begin + 8.0 - 1e-6)).any()
        held = (prompt >= begin) & (prompt < begin + 8.0)
        np.testing.assert_allclose(arrives[held], begin + 8.0, atol=1e-6)
        assert rows["look"].to_numpy()[held].max() - rows["look"].to_numpy()[held].min() >= 4  # five looks and more
        stalled |= held
    np.testing.assert_allclose(arrives[~stalled], prompt[~stalled], atol=1e-9)
    assert (np.diff(rows["look"].to_numpy()) >= 0).all()  # still in order of the looks


def test_every_tenth_report_comes_late_and_the_table_is_in_order_of_arrival(world):
    rows, made_by = rows_of(world, "remote-id-1")
    rows = rows.filter(pl.Series(made_by >= 0))
    late_s = seconds_of(world, "received", rows) - seconds_of(world, "time", rows)
    tardy = late_s > 1.5 + 1e-6
    # at least 2 s more, so no late report hides below 1.5 s
    assert abs(tardy.mean() - 0.1) < 5.0 * math.sqrt(0.09 / len(rows))
    assert late_s[~tardy].min() >= 0.2
    assert late_s[tardy].min() >= 2.2
    assert 9.0 < late_s.max() <= 11.5
    assert world.measurements["received"].is_sorted()
    assert not world.measurements["time"].is_sorted()


def test_a_single_stall_is_one_and_a_late_look_of_a_radar_comes_whole():
    base = load_scenario("crossing")
    link = Link(stall_from_s=10.0, stall_s=5.0, late_share=0.3, late_s=2.0)
    sensor = msgspec.structs.replace(base.sensor[0], link=link, clutter_per_look=3.0)
    world = simulate(msgspec.structs.replace(base, sensor=(sensor,)), 0, duration_s=60.0)
    rows = world.measurements.with_columns(late=(pl.col("received") - pl.col("time")).dt.total_milliseconds())
    assert rows.group_by("look").agg(pl.col("received").n_unique())["received"].max() == 1
    looks = rows.group_by("look").agg(pl.col("time").first(), pl.col("late").first()).sort("look")
    after_s = seconds_of(world, "time", looks)
    assert set(looks["late"].to_numpy()[(after_s > 15.0) | (after_s < 8.0)].tolist()) == {0, 2000}
    # of the look at 8 s: late, it would come into the stall
    np.testing.assert_array_equal(
        (after_s + looks["late"].to_numpy() / 1000.0)[(after_s >= 10.0) & (after_s < 13.0)], 15
    )


def test_an_idealised_scenario_keeps_everything_else():
    for name in ("crossing", "mixed", "patchy", "harbour-raid"):
        assert idealised(load_scenario(name)) == load_scenario(name)
    for name in ("biased-late", "formation"):
        perfect = idealised(load_scenario(name))
        assert perfect != load_scenario(name)
        for sensor in perfect.sensor:
            assert (sensor.registration, sensor.link, sensor.cells) == (Registration(), Link(), Cells())
