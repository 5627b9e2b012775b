"""What is shipped: vendored files untouched, the basemap readable, texts fit to show."""

import gzip
import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowsky.errors import ConfigError
from lowsky.serve.app import BASEMAP
from lowsky.serve.pages import STATIC, read_pages
from lowsky.serve.tiles import TileArchive, tile_id
from lowsky.wire.shown import shown

VENDORED = Path(__file__).with_name("vendored.sha256")


def test_vendored_files_are_as_their_makers_published_them():
    listed = dict(reversed(line.split("  ")) for line in VENDORED.read_text().splitlines() if not line.startswith("#"))
    here = {p.relative_to(STATIC).as_posix(): p for p in (STATIC / "vendor").rglob("*") if p.is_file()}
    assert set(listed) == set(here)
    for name, path in here.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name], name


def test_our_own_page_has_nothing_inline_and_names_no_other_host():
    for name, page in read_pages().items():
        if name.startswith("vendor/"):
            continue
        text = page.body.decode(errors="replace")
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            name
        )
        if name.endswith(".html"):
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text), name


def test_the_modules_import_only_what_is_there():
    pages = read_pages()
    for name, page in pages.items():
        if name.startswith("js/"):
            for target in re.findall(r"from '([^']+)'", page.body.decode()):
                path = target.removeprefix("/static/") if target.startswith("/") else f"js/{target.removeprefix('./')}"
                assert path in pages, (name, target)


def test_tiles_are_numbered_along_the_hilbert_curve():
    """The first numbers as the specification prints them."""
    order = [(0, 0, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0), (2, 0, 0)]
    assert [tile_id(*tile) for tile in order] == list(range(6))
    assert tile_id(12, 3423, 1763) == 19078479
    for z in range(5):
        numbers = sorted(tile_id(z, x, y) for x in range(1 << z) for y in range(1 << z))
        assert numbers == list(range(numbers[0], numbers[0] + 4**z))


def layer_names(tile):
    raw, at, names = gzip.decompress(tile), 0, set()
    while at < len(raw):
        assert raw[at] == 0x1A  # a layer
        size, shift, at = 0, 0, at + 1
        while True:
            byte = raw[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        layer = raw[at : at + size]
        names.add(re.search(rb"\x0a([\x01-\x20])([a-z]+)", layer).group(2).decode())
        at += size
    return names


def test_the_basemap_shows_the_whole_world_and_knows_incheon():
    archive = TileArchive(BASEMAP)
    assert (archive.min_zoom, archive.max_zoom) == (0, 8)
    assert "land" in layer_names(archive.tile(0, 0, 0))
    assert {"land", "place", "airport"} <= layer_names(archive.tile(8, 218, 99))
    assert archive.tile(8, 0, 128) is None  # the open Pacific
    assert archive.tile(9, 0, 0) is None
    assert archive.tile(3, 8, 0) is None
    assert archive.tile(-1, 0, 0) is None
    assert BASEMAP.stat().st_size <= 9_000_000


def test_a_file_that_is_no_archive_is_a_fault_of_the_user(tmp_path):
    for content in (b"", b"hello", b"PMTiles\x03" + bytes(200)):
        (tmp_path / "x.pmtiles").write_bytes(content)
        with pytest.raises(ConfigError):
            TileArchive(tmp_path / "x.pmtiles")
    with pytest.raises(ConfigError):
        TileArchive(tmp_path / "nothing.pmtiles")


def test_text_that_cannot_be_seen_is_shown_as_a_replacement_character():
    assert (
        shown("a\x00b\u202ec\u200bd")
        == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}d"
    )
    assert shown("Zürich 서울 KAL123") == "Zürich 서울 KAL123"
    assert shown(None) is None
    assert shown("<b>") == "<b>"


@given(st.text(max_size=300))
def test_shown_text_is_bounded_and_visible(text):
    out = shown(text)
    assert len(out) <= 64
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) <= 0xDFFF for c in out)
