"""A fresh clone has everything its pages point to."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "src/lowsky/**/*.md")
    for path in ROOT.glob(pattern)
)  # fmt: skip
FOLDERS = "src|tests|docs|tools|benchmarks|examples"
OF_OTHERS = {
    "docs/tutorial.jsonl.gz",
    "src/traffic/data/samples/collections/switzerland.json.gz",
}  # in their repository


def targets(text):
    """Relative links, and paths of the repository in backticks; patterns and NAME stand for many and are left out."""
    yield from (link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link)
    yield from (f"/{path}" for path in re.findall(rf"`((?:{FOLDERS})/[\w./-]+)`", text) if "NAME" not in path)


def missing(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in targets(text):
        place = ROOT / target[1:] if target.startswith("/") else (ROOT / page).parent / target
        if not place.exists() and target[1:] not in OF_OTHERS:
            yield target


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_and_path_of_a_page_exists(page):
    assert list(missing(page)) == []


def test_a_dead_link_is_seen():
    assert list(targets("[a](b.md#c) `src/x.py` [d](https://e.org) `docs/feeds/NAME.md`")) == ["b.md", "/src/x.py"]


def test_messages_to_the_user_point_to_pages_there_are():
    said = {
        name
        for path in sorted((ROOT / "src").rglob("*.py"))
        for name in re.findall(r"docs/[\w/-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert [name for name in sorted(said) if "NAME" not in name and not (ROOT / name).exists()] == []
