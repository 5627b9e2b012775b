"""The site file's [tracker] table: what it changes, and what it may not say."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from lowsky.engine.config import parse_site
from lowsky.errors import ConfigError
from lowsky.track.settings import SETTINGS, TrackerSettings, setting_faults, settings_of
from lowsky.track.tracker import Tracker

SITE = """[site]
name = "x"
latitude_deg = 0.0
longitude_deg = 0.0
height_m = 0.0
"""


def test_a_site_that_says_nothing_has_the_defaults():
    assert settings_of(parse_site(SITE).tracker) is SETTINGS


def test_what_the_table_says_is_what_the_tracker_works_with():
    site = parse_site(SITE + "[tracker]\nr_confirm = 0.95\nspeed_sigma_mps = [10, 50]\n")
    settings = Tracker(site)._core.settings
    assert (settings.r_confirm, settings.speed_sigma_mps) == (0.95, (10.0, 50.0))
    assert settings.r_show == SETTINGS.r_show


def test_modes_and_behaviours_are_given_whole_and_have_to_fit():
    modes = [{"name": "cruise", "q_horizontal": 0.1, "q_vertical": 0.02}]
    alone = {"modes": modes, "behaviours": [{"name": "any", "prior": 1.0, "stay_s": [60.0]}], "report_stay_s": [60.0]}
    assert setting_faults(alone) == []
    assert len(settings_of(alone).modes) == 1
    assert setting_faults({"modes": modes})[0][0] == "report_stay_s"
    assert setting_faults(alone | {"behaviours": [{"name": "any", "prior": 0.5, "stay_s": [60.0]}]})[0][1] == (
        "priors of 0 or more that sum to 1"
    )
    assert setting_faults(alone | {"modes": [modes[0] | {"q_horizontal": math.inf}]})[0][0] == "modes"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("r_confrm", "0.9"), ("r_confirm", "1.5"), ("r_confirm", '"high"'), ("merge_every_s", "0.0"),
        ("hits_confirm", "0"), ("speed_sigma_mps", "[10]"), ("gate_sigma", "nan"), ("survival_s", "1e30"),
        ("modes", "[]"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_one_fault_at_its_line(key, value):
    with pytest.raises(ConfigError) as caught:
        parse_site(SITE + f"[tracker]\n{key} = {value}\n")
    (fault,) = caught.value.faults
    assert fault.where == f"site.toml:7: tracker.{key}"


def test_a_slip_of_the_pen_is_told_what_was_meant():
    assert setting_faults({"r_confrm": 0.9}) == [("r_confrm", "r_confirm?")]
    assert setting_faults({"aim": 1}) == [("aim", "a name of docs/settings.md")]


def test_every_default_is_within_its_own_bounds():
    own = {name: getattr(SETTINGS, name) for name in TrackerSettings.__struct_fields__}
    assert setting_faults({k: v for k, v in own.items() if k not in ("modes", "behaviours")}) == []


def test_the_page_of_settings_is_that_of_the_source():
    root = Path(__file__).parents[3]
    made = subprocess.run(
        [sys.executable, "-c", "from tools.settings_page import page; print(page(), end='')"],
        capture_output=True, text=True, cwd=root, check=True,
    ).stdout  # fmt: skip
    assert (root / "docs/settings.md").read_text(encoding="utf-8") == made, "run python tools/settings_page.py"
