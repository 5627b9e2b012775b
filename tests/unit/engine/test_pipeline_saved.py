"""A saved pipeline goes on only where it would be the same pipeline."""

import pytest

from lowsky.engine.config import parse_site
from lowsky.engine.pipeline import Pipeline
from lowsky.model.ports import Tick

SITE = """[site]
name = "x"
latitude_deg = 45.0
longitude_deg = 8.0
height_m = 0.0
[[sensor]]
id = "radar-1"
kind = "radar"
latitude_deg = 45.0
longitude_deg = 8.0
height_m = 10.0
sigma_range_m = 10.0
sigma_azimuth_deg = 0.5
"""


@pytest.fixture
def saved():
    pipeline = Pipeline(parse_site(SITE))
    pipeline.step(Tick(1_700_000_000_000_000_000))
    return pipeline.dump()


def test_the_same_site_goes_on(saved):
    pipeline = Pipeline(parse_site(SITE))
    pipeline.load(saved)
    assert pipeline.dump() == saved


@pytest.mark.parametrize(
    "changed",
    [SITE.replace("height_m = 10.0", "height_m = 11.0"), SITE + "[tracker]\nr_confirm = 0.95\n"],
    ids=["a sensor elsewhere", "other tracker settings"],
)
def test_another_site_begins_anew(saved, changed):
    with pytest.raises(ValueError, match="other sensors, rules or tracker settings"):
        Pipeline(parse_site(changed)).load(saved)
