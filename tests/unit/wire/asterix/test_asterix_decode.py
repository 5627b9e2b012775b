"""Field by field against libasterix: recordings, random records of every edition, damaged ones."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wire.asterix import asterix_oracle as oracle
from tests.unit.wire.asterix import asterix_recordings as recordings

from lowsky.errors import DecodeError, Truncated
from lowsky.wire.asterix import tables
from lowsky.wire.asterix.decode import blocks, decode_expansion, decode_records

EVERY_EDITION = [(category, name) for category, names in tables.editions().items() for name in names]
EVERY_EXPANSION = [(category, name) for category, names in tables.expansions().items() for name in names]


def decoded(category, name, payload):
    """Our records, or None where we refuse."""
    try:
        return decode_records(tables.edition(category, name), payload)
    except DecodeError:
        return None


def test_every_record_of_every_recording_is_what_libasterix_reads():
    compared = refused = 0
    for name, datagrams in recordings.datagrams().items():
        for datagram in datagrams:
            ours = [(block.category, block.records) for block in blocks(datagram)]
            assert ours == oracle.blocks(datagram), name
            for category, payload in ours:
                for edition in tables.editions().get(category, ()):
                    expected = oracle.records(category, edition, payload)
                    assert decoded(category, edition, payload) == expected, (name, category, edition)
                    compared += len(expected or ())
                    refused += expected is None
    assert compared > 1000
    assert refused == 2 * 4  # two blocks of CAT021 edition 2.x, read as the four editions 0.2x


def test_every_expansion_field_of_every_recording_is_what_libasterix_reads():
    compared = 0
    for datagrams in recordings.datagrams().values():
        for block in (block for datagram in datagrams for block in blocks(datagram)):
            if block.category not in tables.expansions():
                continue
            newest = tables.editions()[block.category][-1]
            for record in decoded(block.category, newest, block.records):
                for name in tables.expansions()[block.category] if "RE" in record else ():
                    fields, rest = oracle.expansion(block.category, name, record["RE"])
                    assert rest == 0
                    assert decode_expansion(tables.expansion(block.category, name), record["RE"]) == fields
                    compared += 1
    assert compared >= 30


@pytest.mark.parametrize(("category", "name"), EVERY_EDITION)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), n_records=st.integers(1, 3))
def test_random_records_of_libasterix_come_back_field_by_field(category, name, seed, n_records):
    datagram = oracle.random_block(random.Random(seed), category, name, n_records)
    (block,) = blocks(datagram)
    expected = oracle.records(category, name, block.records)
    assert len(expected) == n_records
    assert decoded(category, name, block.records) == expected


@pytest.mark.parametrize(("category", "name"), EVERY_EDITION)
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_damaged_records_are_refused_exactly_where_libasterix_refuses(category, name, seed):
    rng = random.Random(seed)
    (block,) = blocks(oracle.random_block(rng, category, name, 2))
    damaged = bytearray(block.records)
    for _ in range(rng.randint(1, 4)):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    payload = bytes(damaged[: rng.choice((len(damaged), rng.randint(0, len(damaged))))])
    assert decoded(category, name, payload) == oracle.records(category, name, payload)


@pytest.mark.parametrize(("category", "name"), EVERY_EXPANSION)
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), is_damaged=st.booleans())
def test_expansion_fields_agree_with_libasterix(category, name, seed, is_damaged):
    rng = random.Random(seed)
    payload = bytearray(oracle.random_expansion(rng, category, name))
    if is_damaged:
        payload[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
    expected = oracle.expansion(category, name, bytes(payload))
    try:
        ours = decode_expansion(tables.expansion(category, name), bytes(payload))
    except DecodeError:
        ours = None
    assert ours == (None if expected is None or expected[1] else expected[0])


@settings(max_examples=300, deadline=None)
@given(datagram=st.binary(max_size=80))
def test_random_bytes_raise_nothing_but_decode_error(datagram):
    try:
        found = list(blocks(datagram))
    except DecodeError:
        found = []
    for block in found:
        for name in tables.editions().get(block.category, ()):
            decoded(block.category, name, block.records)


def test_good_blocks_before_a_bad_one_are_given():
    walk = blocks(bytes([48, 0, 4, 7, 34, 0, 3, 62, 0, 99, 1, 2]))
    assert [(block.category, block.offset, block.records) for block in (next(walk), next(walk))] == [
        (48, 0, b"\7"),
        (34, 4, b""),
    ]
    with pytest.raises(Truncated, match="block cut off") as raised:
        next(walk)
    assert raised.value.offset == 7


@pytest.mark.parametrize("length", [0, 1, 2])
def test_a_block_shorter_than_its_header_is_refused(length):
    with pytest.raises(DecodeError, match="below its header"):
        list(blocks(bytes([48, 0, length, 0])))
