"""The chain: whoever changes, leaves out, adds or exchanges a part changes the last link."""

import json
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowsky.engine.incident.archive import write_archive
from lowsky.engine.incident.manifest import About, Manifest, Span, broken_link, canonical, chained, read_manifest
from lowsky.engine.incident.verify import NEEDED, verify_bundle

PARTS = {name: f"this is {name}".encode() for name in (*NEEDED, "report.html", "README.txt")}


def manifest(parts=PARTS, **more):
    head = Manifest(
        format="lowsky-incident", format_version=1, site="Ütö", is_exercise=False, recorded_with="0.1.0",
        software={"lowsky": "0.1.0"}, remarks=[], left_out=[], entries=[], chain="0" * 64,
        alert=About(id=1, title="t", priority="high", state="new", raised_ns=5, cleared_ns=None),
        slice=Span(from_ns=1, to_ns=9, ticks=3, has_state=False),
    )  # fmt: skip
    head = msgspec.structs.replace(head, **more)
    return chained(head, ((name, len(content), sha256(content).hexdigest()) for name, content in parts.items()))


def verdict(tmp_path, parts, said=None):
    path = tmp_path / "b.zip"
    write_archive(path, [("manifest.json", canonical(said or manifest())), *parts.items()])
    return verify_bundle(path, is_replayed=False).wrong


def test_the_chain_is_what_its_words_say():
    made = manifest()
    plain = json.loads(canonical(made))
    entries, last = plain.pop("entries"), plain.pop("chain")
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"
    link = sha256(text.encode()).hexdigest()
    for entry in entries:
        link = sha256(f"{link}\n{entry['name']}\n{entry['bytes']}\n{entry['sha256']}\n".encode()).hexdigest()
        assert entry["chain"] == link
    assert link == last


def test_a_manifest_comes_back_and_only_in_its_canonical_form():
    content = canonical(manifest())
    assert read_manifest(content) == manifest() and broken_link(manifest()) is None
    for changed in (content.rstrip(), b" " + content, content.replace(b'","', b'", "', 1), content + b"\n"):
        with pytest.raises(ValueError, match="canonical"):
            read_manifest(changed)


def test_what_is_missing_added_changed_or_reordered_is_named(tmp_path):
    assert verdict(tmp_path, PARTS) is None
    without = {name: content for name, content in PARTS.items() if name != "report.html"}
    assert verdict(tmp_path, without) == "missing: report.html"
    assert verdict(tmp_path, PARTS | {"extra.txt": b""}) == "added: extra.txt"
    assert verdict(tmp_path, PARTS | {"site.toml": b"That is site.toml"[:17]}).startswith("changed: site.toml")
    assert verdict(tmp_path, dict(reversed(PARTS.items()))) == "reordered: README.txt"
    less = {name: content for name, content in PARTS.items() if name != "alert.json"}
    assert verdict(tmp_path, less, manifest(less)).startswith("missing: alert.json")


names = st.sampled_from(sorted(PARTS))


@given(name=names, at=st.integers(0, 200), bit=st.integers(0, 7))
def test_every_bit_of_every_part_counts(tmp_path_factory, name, at, bit):
    content = bytearray(PARTS[name])
    content[at % len(content)] ^= 1 << bit
    wrong = verdict(tmp_path_factory.getbasetemp(), PARTS | {name: bytes(content)})
    assert wrong == f"changed: {name}"


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_every_bit_of_the_manifest_counts(tmp_path_factory, at, bit):
    content = bytearray(canonical(manifest()))
    content[at % len(content)] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "m.zip"
    write_archive(path, [("manifest.json", bytes(content)), *PARTS.items()])
    wrong = verify_bundle(path, is_replayed=False).wrong
    assert wrong is not None and wrong.startswith("changed: manifest.json")


@given(order=st.permutations(sorted(PARTS)))
def test_only_one_order_of_the_parts_is_right(tmp_path_factory, order):
    wrong = verdict(tmp_path_factory.getbasetemp(), {name: PARTS[name] for name in order})
    assert (wrong is None) == (order == list(PARTS))
