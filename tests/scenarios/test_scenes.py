"""GIVEN an operational scene WHEN it goes the whole way THEN every row arrives and there is a picture of it."""

import numpy as np
import polars as pl
import pytest

from lowsky.engine.config import parse_site
from lowsky.engine.offline import open_input, run
from lowsky.simulate import simulate

SCENES = {
    "airport-approach": 12, "border-balloons": 8, "harbour": 12, "migration-night": 12, "outage": 12, "prison": 4,
    "town-raid": 8, "urban-multirotors": 8,
}  # fmt: skip
"""Each with objects that must be confirmed after 12 s."""


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_is_read_without_rejects_and_gives_tracks(name, tmp_path):
    made = simulate(name, 0, duration_s=12.0)
    table = tmp_path / "measurements.parquet"
    made.measurements.write_parquet(table)
    site = parse_site(made.site_toml)
    source = open_input(table, site)
    pipeline, funnel = run([source], site, lambda tick, events, pipeline: None)
    counts = funnel.counts(source.feed.sensor)
    refused = {name: n for name, n in counts.items() if name.isupper()}
    # looks that saw nothing are counted by this name, and passed on
    rows = made.measurements
    told = [rows[column].is_not_null() for column in ("azimuth_deg", "identity") if column in rows.columns]
    assert refused.pop("NOT_A_MEASUREMENT", 0) == (~pl.DataFrame(told).max_horizontal()).sum()
    # the only rows else that may be refused are those of objects whose own clock is wrong
    assert refused.keys() <= {"FUTURE", "LATE"}
    own_clock = [sensor.id for sensor in made.scenario.sensor if sensor.reports and sensor.reports.clock_sigma_s]
    assert sum(refused.values()) <= made.measurements["sensor"].is_in(own_clock).sum()
    picture = pipeline.snapshot()
    assert np.isfinite(picture.x).all()
    assert (picture.existence > 0.9).sum() >= SCENES[name]
