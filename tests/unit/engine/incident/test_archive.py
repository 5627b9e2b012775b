"""Archives that nobody should open: bounded, one line, and the exit status of what is no bundle."""

import io
import stat
import struct
import zipfile

import pytest

from lowsky.cli.main import main
from lowsky.engine.incident.archive import MOST_BYTES, Archive, NotABundle, write_archive

GOOD = [("manifest.json", b"{}"), ("site.toml", b"")]


def zipped(path, entries, kind=zipfile.ZIP_DEFLATED, **about):
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = kind
            for key, value in about.items():
                setattr(info, key, value)
            archive.writestr(info, content)
    return path


def refused(path):
    with pytest.raises(NotABundle) as found:
        Archive(path)
    words = str(found.value)
    assert "\n" not in words and len(words) < 500
    return words


def test_what_was_written_is_read(tmp_path):
    write_archive(tmp_path / "a.zip", GOOD)
    with Archive(tmp_path / "a.zip") as archive:
        assert archive.names == ["manifest.json", "site.toml"] and archive.read("manifest.json") == b"{}"


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", "C:\\x", "a\\b", "", "a//b", "./a", ".hidden", "a\nb", "x" * 101, "é"]
)
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    assert "only plain names" in refused(zipped(tmp_path / "a.zip", [*GOOD, (name, b"x")]))


def test_a_link_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", GOOD, external_attr=(stat.S_IFLNK | 0o777) << 16)
    assert "no plain file" in refused(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path):
    assert "twice" in refused(zipped(tmp_path / "a.zip", [*GOOD, ("site.toml", b"other")]))


def test_a_bomb_is_refused_by_what_it_says_and_not_unpacked(tmp_path):
    path = zipped(tmp_path / "a.zip", [("manifest.json", bytes(MOST_BYTES["manifest.json"] + 1))])
    assert path.stat().st_size < 10_000 and "at most" in refused(path)


def test_a_part_that_is_longer_than_it_says_is_cut_and_named(tmp_path):
    path = zipped(tmp_path / "a.zip", [("manifest.json", bytes(500_000))])
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 24, 10)
    path.write_bytes(data)
    with Archive(path) as archive, pytest.raises(Exception, match="changed: manifest"):
        archive.read("manifest.json")


def test_a_million_entries_are_refused_without_reading_them(tmp_path):
    path = tmp_path / "a.zip"
    directory = b"\0" * 46
    for entries, here in ((0xFFFF, 0xFFFF), (1_000, 1_000)):
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, here, entries, len(directory), 0, 0)
        path.write_bytes(directory + end)
        assert "entries" in refused(path)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 50_000_000, 0, 0)
    path.write_bytes(bytes(50_000_000) + end)
    assert "entries" in refused(path)


def test_something_before_or_behind_the_archive_is_refused(tmp_path):
    data = zipped(tmp_path / "a.zip", GOOD).read_bytes()
    for changed in (b"#!/bin/sh\n" + data, data + b"more"):
        (tmp_path / "b.zip").write_bytes(changed)
        refused(tmp_path / "b.zip")


def test_an_encrypted_or_differently_packed_archive_is_refused(tmp_path):
    assert "another way" in refused(zipped(tmp_path / "a.zip", GOOD, zipfile.ZIP_BZIP2))
    data = bytearray(zipped(tmp_path / "b.zip", GOOD).read_bytes())
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 8, 1)
    (tmp_path / "b.zip").write_bytes(data)
    assert "encrypted" in refused(tmp_path / "b.zip")


def a_zip_without_a_manifest():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", "b")
    return out.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"not a zip at all" * 9, b"PK\x05\x06" + bytes(18), a_zip_without_a_manifest()]
)
def test_what_is_no_bundle_ends_with_two_and_one_line(tmp_path, capsys, content):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(path)])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_file_that_is_not_there_ends_with_two_and_one_line(tmp_path, capsys):
    for path in (tmp_path / "none.zip", tmp_path):
        with pytest.raises(SystemExit) as ended:
            main(["verify", str(path)])
        assert ended.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1
