"""The page that explains the path of a plot names only what exists."""

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
JOURNEY = (ROOT / "docs/journey.md").read_text(encoding="utf-8")


def resolve(name):
    """The object a dotted name stands for; raises where there is none."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


def test_every_python_name_on_the_page_exists():
    names = re.findall(r"`(lowsky(?:\.\w+)+)`", JOURNEY)
    assert len(names) > 25
    for name in names:
        resolve(name)


def test_every_file_on_the_page_exists():
    files = re.findall(r"`(src/[\w/]+\.\w+)`", JOURNEY)
    assert files
    for name in files:
        assert (ROOT / name).is_file(), name
