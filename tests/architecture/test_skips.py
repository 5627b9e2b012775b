"""No test is skipped but for a reason of ``tests/needs.py``, and none of them lets CI pass by a missing peer."""

import ast
import os
from pathlib import Path

import pytest
from tests import needs

TESTS = Path(__file__).parents[1]
SKIPS = ("skip", "skipif", "xfail", "importorskip", "skipIf", "skipUnless", "SkipTest", "expectedFailure")


def skips(folder):
    """Every use of a skip outside ``needs.py``, as text."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        if path == folder / "needs.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.name if isinstance(node, ast.alias) else getattr(node, "attr", None)
            if name in SKIPS:
                found.append(f"{path.relative_to(folder)}:{node.lineno}: {name}")
    return found


def test_every_skip_is_made_in_one_place():
    assert skips(TESTS) == []


def test_the_guard_sees_a_skip(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "from unittest import skipIf\n@pytest.mark.skipif(True)\ndef test_a():\n    pytest.importorskip('x')\n"
    )
    assert sorted(line.split(": ")[1] for line in skips(tmp_path)) == ["importorskip", "skipIf", "skipif"]


@pytest.mark.parametrize(("in_ci", "raised"), [(True, pytest.fail.Exception), (False, needs.Skipped)])
def test_a_missing_program_fails_in_ci_and_is_skipped_elsewhere_with_what_would_help(monkeypatch, in_ci, raised):
    monkeypatch.setattr(needs, "IN_CI", in_ci)
    with pytest.raises(raised, match=r"no-such-program is not installed \(tools/install-test-peers.sh\)"):
        needs.program("no-such-program")


@needs.binding_permissions
def test_permissions_bind_whoever_runs_the_tests(tmp_path):
    closed = tmp_path / "closed"
    closed.write_text("x")
    closed.chmod(0)
    with pytest.raises(PermissionError):
        closed.read_text()
    assert not os.access(closed, os.R_OK)
