"""The site file of a bundle: who is told stays out, all else is as it was."""

import tomllib

import pytest
from tests.incidents import SITE

from lowsky.engine.incident.site import names_files, without_outputs


@pytest.mark.parametrize(
    "header", ["[[output]]", '  [[ "output" ]]  # of ours', "[[output]]\nid = 'a'\n[output.topics]", "[['output']]"]
)
def test_outputs_are_left_out_wherever_they_stand(header):
    text = f"[site]\nname = 'x'\n{header}\nurl = 'https://secret.example'\n[desk]\nlouder_after_s = 5.0\n"
    out = without_outputs(text)
    assert tomllib.loads(out) == {"site": {"name": "x"}, "desk": {"louder_after_s": 5.0}}
    assert "secret" not in out


def test_a_text_of_several_lines_that_looks_like_a_table_is_not_cut():
    text = '[site]\nname = """\n[[output]]\nx"""\n'
    assert without_outputs(text) is None


def test_a_site_file_without_outputs_stays_as_it_is():
    text = SITE.split("[[output]]")[0]
    assert without_outputs(text) == text


def test_only_zone_files_whose_zones_are_there_may_be_named():
    asked = '[[zone_file]]\nid = "a"\npath = "a.json"\n'
    assert names_files(asked) and names_files("zone_file = 3\n")
    assert not names_files(asked + '[zone_file_read]\na = "{}"\n') and not names_files("[site]\n")
