import importlib.util
from pathlib import Path

import pytest

from lowsky.wire.asterix import tables
from lowsky.wire.asterix.tables import Compound, Element, Extended, Group, Repetitive

TOOL = Path(__file__).parents[4] / "tools/asterix_tables.py"


def test_the_committed_tables_are_what_the_tool_makes_of_libasterix():
    spec = importlib.util.spec_from_file_location("asterix_tables", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.TARGET.read_text(encoding="utf-8") == tool.generate()


def test_every_category_has_the_editions_that_are_promised():
    assert tables.editions() == {
        21: ("0.23", "0.24", "0.25", "0.26", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7"),
        34: ("1.27", "1.28", "1.29"),
        48: ("1.27", "1.28", "1.29", "1.30", "1.31", "1.32"),
        62: ("1.16", "1.17", "1.18", "1.19", "1.20", "1.21"),
        65: ("1.4", "1.5", "1.6"),
    }
    assert tables.expansions() == {21: ("1.4", "1.5"), 48: ("1.11", "1.12", "1.13"), 62: ("1.2", "1.3")}


def test_a_path_leads_through_groups_extended_items_and_compounds():
    edition = tables.edition(62, "1.19")
    assert edition.node("105/LAT") == Element(32, signed=True, lsb=180 / 2**25, unit="°")
    assert edition.node("080/SIM") == Element(1)
    assert edition.node("380/SAB/GBS") == Element(1)
    assert isinstance(edition.node("080"), Extended)
    assert isinstance(edition.node("380"), Compound)
    assert isinstance(edition.node("380/TID"), Repetitive)
    assert isinstance(edition.node("185"), Group)


@pytest.mark.parametrize("path", ["", "999", "105/HGT", "105/LAT/X", "380/TID/LAT"])
def test_a_path_to_nothing_is_a_key_error(path):
    with pytest.raises(KeyError):
        tables.edition(62, "1.19").node(path)


@pytest.mark.parametrize(("category", "name"), [(62, "0.17"), (1, "1.2"), (62, "")])
def test_an_edition_that_is_not_there_is_a_key_error(category, name):
    with pytest.raises(KeyError):
        tables.edition(category, name)
