"""The [wind] table of a site file: every fault is named, and a report's wind is carried up with growing doubt."""

import math

import numpy as np
import pytest

from lowsky.engine.config import parse_site
from lowsky.errors import ConfigError

SITE = '[site]\nname = "here"\nlatitude_deg = 50.0\nlongitude_deg = 8.0\nheight_m = 100.0\n'


def wind(text):
    return parse_site(f"{SITE}[wind]\n{text}").wind


def test_a_site_without_a_wind_has_none():
    assert parse_site(SITE).wind is None


def test_a_wind_is_told_by_where_it_comes_from_and_kept_as_where_it_goes():
    found = wind("from_deg = 270.0\nspeed_mps = 8.0\nsigma_mps = 1.0")
    assert (found.east_mps[0], found.north_mps[0]) == pytest.approx((8.0, 0.0), abs=1e-9)
    assert found.sigma_mps == (1.0,)


def test_a_reports_wind_grows_with_height_and_so_does_its_doubt():
    found = wind('metar = "LFBO 010900Z 18020G32KT 9999 FEW030 12/07 Q1018"')
    speed = np.hypot(found.east_mps, found.north_mps)
    assert np.interp(10.0, found.up_m, speed) == pytest.approx(20.0 * 1852.0 / 3600.0)
    assert np.interp(10.0, found.up_m, found.north_mps) > 0.0
    assert (np.diff(speed) >= -1e-9).all()
    assert (np.diff(found.sigma_mps) > 0.0).all()


def test_a_variable_wind_has_no_direction_but_is_doubted_by_its_speed():
    found = wind('metar = "EFHK 010920Z VRB04KT CAVOK"')
    assert np.hypot(found.east_mps, found.north_mps).max() == 0.0
    assert min(found.sigma_mps) > 4.0 * 1852.0 / 3600.0


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('metar = "no wind in it"', "wind.metar"),
        ('metar = "LFBO 010900Z 18020KT"\nspeed_mps = 3.0', "wind.metar"),
        ("speed_mps = 3.0", "wind"),
        ("from_deg = [10.0, 20.0]\nspeed_mps = 3.0\nup_m = [0.0, 100.0]", "wind.up_m"),
        ("from_deg = [10.0, 20.0]\nspeed_mps = [3.0, 4.0]\nup_m = [100.0, 0.0]", "wind.up_m"),
        ("from_deg = 10.0\nspeed_mps = -1.0", "wind.speed_mps"),
        ("from_deg = 10.0\nspeed_mps = 1.0\nspeed_kt = 2.0", "wind.speed_kt"),
    ],
)
def test_a_wind_that_cannot_be_is_a_fault_at_its_key(text, key):
    with pytest.raises(ConfigError) as caught:
        wind(text)
    assert [fault for fault in caught.value.faults if fault.where.endswith(key)]


def test_a_confusion_matrix_must_be_of_classes_and_shares():
    sensor = (
        '[[sensor]]\nid = "c"\nkind = "camera"\nlatitude_deg = 50.0\nlongitude_deg = 8.0\nheight_m = 1.0\n'
        "sigma_azimuth_deg = 1.0\n"
    )
    good = parse_site(f"{SITE}{sensor}confusion = {{ bird = {{ bird = 0.8, drone = 0.1 }} }}").sensors[0]
    assert good.confusion == {"bird": {"bird": 0.8, "drone": 0.1}}
    for bad in ("{ bird = { bird = 0.8, drone = 0.3 } }", "{ dragon = { bird = 0.8 } }", "0.8", "{ bird = 0.8 }"):
        with pytest.raises(ConfigError):
            parse_site(f"{SITE}{sensor}confusion = {bad}")


def test_nothing_in_a_wind_is_infinite():
    found = wind('metar = "XXXX 010900Z 36099G99MPS"')
    assert all(math.isfinite(v) for v in (*found.east_mps, *found.north_mps, *found.sigma_mps))
