"""The page on scenarios names every key and every built-in scenario, and no key that is gone."""

import re
import typing
from pathlib import Path

import msgspec

from lowsky.simulate import list_scenarios
from lowsky.simulate.like import presets
from lowsky.simulate.scenario import (
    Air,
    Building,
    Cells,
    Echo,
    Lies,
    Link,
    Motion,
    Optics,
    OwnTracker,
    Patches,
    PatchGroup,
    Place,
    Radio,
    Registration,
    Reports,
    Scenario,
    Sensor,
    Sound,
    Start,
    Target,
    Terrain,
    Wind,
)

PAGE = Path(__file__).parents[3] / "docs/scenarios.md"
OF_SENSOR = (Patches, PatchGroup, Registration, Link, Cells, Echo, Sound, Radio, Optics, Reports, OwnTracker)
PARTS = (
    Scenario,
    Place,
    Wind,
    Air,
    Terrain,
    Building,
    Target,
    Lies,
    Sensor,
    *OF_SENSOR,
    *typing.get_args(Start),
    *typing.get_args(Motion),
)


def keys_of(part):
    return {field.encode_name for field in msgspec.structs.fields(part)}


def test_every_key_and_kind_is_described():
    text = PAGE.read_text(encoding="utf-8")
    told = set(re.findall(r"`\[*([a-z0-9_.-]+)\]*`", text))
    kinds = {part.__struct_config__.tag for part in PARTS} - {None}
    wanted = set().union(*(keys_of(part) for part in PARTS)) | kinds
    assert wanted - told - {"target", "sensor", "site"} == set()
    assert {"target", "sensor", "site"} <= told


def test_every_built_in_scenario_is_described():
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name, _ in list_scenarios() if f"| `{name}` |" not in text] == []


def test_no_key_is_described_that_is_gone():
    section = PAGE.read_text(encoding="utf-8").split("## Write one")[1].split("## How a look is made")[0]
    known = set().union(*(keys_of(part) for part in PARTS)) | {part.__struct_config__.tag for part in PARTS}
    values = {
        "kind",
        "hover",
        "circle",
        "fly-on",
        "repeat",
        "radar",
        "direction-finder",
        "acoustic",
        "camera",
        "cooperative",
        "clutter",
        "true",
        "all",
        "place",
        "nothing",
    }
    told = {key.removeprefix("start.").removeprefix("motion.") for key in re.findall(r"`([a-z0-9_.-]+)`", section)}
    assert told - known - values - {"snr_db", "sigma_snr_db"} == set()


def test_every_set_of_keys_is_named_and_says_that_it_is_assumed():
    text = PAGE.read_text(encoding="utf-8")
    for table in ("sensor", "target"):
        assert [name for name in presets(table) if f'"{name}"' not in text] == []
    folder = Path(__file__).parents[3] / "src/lowsky/simulate/presets"
    assert all("ASSUMED" in file.read_text(encoding="utf-8") for file in folder.glob("*.toml"))
