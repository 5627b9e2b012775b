"""GIVEN a drone that lies about its place WHEN a radar looks there THEN it is told, and a replay tells the same."""

import pytest

from lowsky.engine.config import parse_site
from lowsky.engine.offline import open_input, run
from lowsky.model.events import ClaimConsistent, ClaimContradicted
from lowsky.model.track import IdentityState
from lowsky.simulate import parse_scenario, simulate

SCENE = """
name = "liar"
description = "liar"
duration_s = 70.0
[site]
name = "Liar"
latitude_deg = 50.0
longitude_deg = 8.0
height_m = 100.0
[[target]]
name = "honest"
class = "multirotor"
count = 5
identity_prefix = "H"
[target.start]
kind = "box"
east_m = [-900.0, 900.0]
north_m = [-900.0, 900.0]
up_m = [80.0, 150.0]
speed_mps = [8.0, 12.0]
course_deg = [0.0, 360.0]
[target.motion]
kind = "waypoints"
points_m = [[500.0, 500.0, 120.0], [-500.0, 500.0, 120.0], [0.0, -600.0, 120.0]]
spread_m = 300.0
end = "repeat"
[[target]]
name = "liar"
class = "multirotor"
identity_prefix = "L"
lies = { offset_m = 200.0, from_s = 50.0 }
[target.start]
kind = "box"
east_m = [400.0, 500.0]
north_m = [700.0, 800.0]
up_m = [120.0, 140.0]
speed_mps = 10.0
course_deg = 200.0
[target.motion]
kind = "waypoints"
points_m = [[-600.0, -800.0, 120.0]]
[[sensor]]
id = "radar-1"
kind = "radar"
position_m = [0.0, 0.0, 10.0]
look_period_s = 1.0
detection_probability = 0.9
clutter_per_look = 5.0
max_range_m = 5000.0
sigma_range_m = 8.0
sigma_azimuth_deg = 0.6
sigma_elevation_deg = 1.0
sigma_range_rate_mps = 0.5
[[sensor]]
id = "remote-id-1"
kind = "cooperative"
position_m = [0.0, 0.0, 10.0]
look_period_s = 1.0
detection_probability = 0.95
max_range_m = 4000.0
sigma_position_m = 5.0
sigma_height_m = 10.0
sigma_velocity_mps = 0.5
latency_s = [0.1, 0.5]
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Events of claims as (seconds, identity, kind, cause), the last picture, and when it began."""
    made = simulate(parse_scenario(SCENE), 3)
    table = tmp_path_factory.mktemp("liar") / "measurements.parquet"
    made.measurements.write_parquet(table)
    start_ns, events = int(made.truth["time"].dt.timestamp("ns").min()), []

    def step(tick, happened, pipeline):
        events.extend(
            ((e.t_event_ns - start_ns) * 1e-9, e.identity, type(e), e.cause)
            for e in happened
            if isinstance(e, ClaimConsistent | ClaimContradicted)
        )

    site = parse_site(made.site_toml)
    pipeline, _ = run([open_input(table, site)], site, step)
    return events, pipeline.snapshot()


def test_the_liar_alone_is_contradicted_within_ten_seconds_of_his_first_lie(told):
    events, picture = told
    flagged = {name: (t_s, cause) for t_s, name, kind, cause in events if kind is ClaimContradicted}
    assert set(flagged) == {"L1"}
    assert 50.0 <= flagged["L1"][0] <= 60.0
    assert "radar-1" in flagged["L1"][1]
    assert picture.identity_state[picture.identity.index("L1")] == IdentityState.CONTRADICTED


def test_who_tells_the_truth_is_consistent(told):
    events, picture = told
    assert {name for _, name, kind, _ in events if kind is ClaimConsistent} >= {"H1", "H2", "H3", "H4", "H5"}
    honest = [
        state for name, state in zip(picture.identity, picture.identity_state, strict=True) if name != "L1" and name
    ]
    assert set(honest) == {IdentityState.CONSISTENT}


def test_what_the_radar_sees_of_the_liar_goes_on_without_a_name(told):
    _, picture = told
    nameless = [k for k, name in enumerate(picture.identity) if name is None and picture.existence[k] > 0.9]
    assert len(nameless) == 1
    assert picture.identity_state[nameless[0]] == IdentityState.NONE
