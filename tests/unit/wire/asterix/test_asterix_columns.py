"""The kernel against its twin (the full decoder), and every way a block can be refused."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wire.asterix import asterix_oracle as oracle
from tests.unit.wire.asterix import asterix_recordings as recordings
from tests.unit.wire.asterix import asterix_twin as twin

from lowsky.wire.asterix import columns, tables
from lowsky.wire.asterix.columns import MISSING, decode_columns
from lowsky.wire.asterix.program import Want, compile_program
from lowsky.wire.asterix.tables import Compound, Edition, Element, Extended, Group


def every_field(edition):
    """Paths of every number of an edition that is not in a repetition, 56 bits at most."""

    def under(node, path):
        if isinstance(node, Element):
            return [path] if node.bits <= 56 else []
        pairs = tables.children(node) if isinstance(node, Group | Extended | Compound) else ()
        return [found for pair in pairs if pair and pair[0] for found in under(pair[1], f"{path}/{pair[0]}")]

    return tuple(dict.fromkeys(path for pair in edition.items if pair for path in under(pair[1], pair[0])))


def whole_program(names):
    """Everything of one edition of each category, nothing required."""
    editions = [tables.edition(category, name) for category, name in names.items()]
    return compile_program(tuple(Want(edition, every_field(edition)) for edition in editions))


NEWEST = {category: names[-1] for category, names in tables.editions().items()}
OLDEST = {category: names[0] for category, names in tables.editions().items()}
PROGRAMS = {"newest": (NEWEST, whole_program(NEWEST)), "oldest": (OLDEST, whole_program(OLDEST))}


def same_as_twin(program, datagram):
    got = decode_columns(program, datagram)
    expected = twin.blocks(program, datagram)
    assert list(zip(got.category.tolist(), got.offset.tolist(), got.length.tolist())) == [e[:3] for e in expected]
    for k, (category, _, _, rows) in enumerate(expected):
        assert (got.status[k] == columns.OK) == (rows is not None)
        if rows is not None:
            width = len(program.wants[program.slot(category)].columns)
            found = got.rows[got.first[k] : got.first[k] + got.count[k], :width]
            np.testing.assert_array_equal(found, np.array(rows, np.int64).reshape(len(rows), width))
    assert len(got.rows) == sum(len(rows) for *_, rows in expected if rows is not None)
    return got


@pytest.mark.parametrize("age", PROGRAMS)
def test_every_field_of_every_recording_is_what_the_twin_reads(age):
    rows = 0
    for datagrams in recordings.datagrams().values():
        for datagram in datagrams:
            rows += len(same_as_twin(PROGRAMS[age][1], datagram).rows)
    assert rows > 150


@pytest.mark.parametrize("age", PROGRAMS)
@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_random_and_damaged_datagrams_are_what_the_twin_reads(age, seed):
    rng, (names, program) = random.Random(seed), PROGRAMS[age]
    some = [oracle.random_block(rng, *rng.choice(list(names.items())), rng.randint(0, 3)) for _ in range(3)]
    datagram = bytearray(b"".join(some))
    for _ in range(rng.choice((0, 0, 1, 3))):
        datagram[rng.randrange(len(datagram))] ^= 1 << rng.randrange(8)
    same_as_twin(program, bytes(datagram[: rng.choice((len(datagram), rng.randint(0, len(datagram))))]))


@settings(max_examples=500, deadline=None)
@given(datagram=st.binary(max_size=120))
def test_noise_is_what_the_twin_reads(datagram):
    same_as_twin(PROGRAMS["newest"][1], datagram)


@settings(max_examples=300, deadline=None)
@given(category=st.sampled_from(list(NEWEST)), records=st.binary(max_size=60))
def test_noise_in_a_right_frame_is_what_the_twin_reads(category, records):
    same_as_twin(PROGRAMS["newest"][1], bytes([category, 0, 3 + len(records)]) + records)


TINY = Edition(
    48, "tiny", 2,
    (
        ("A", Element(8)),
        ("B", Extended(((("X", Element(7)),), (("Y", Element(7, signed=True)),)), last_fx=True)),
        None,
        ("C", tables.Compound(1, (("P", Element(16)), None))),
        ("D", tables.Explicit("SP")),
        ("E", tables.Repetitive(1, Element(16))),
        ("F", tables.Repetitive(0, Element(7))),
        ("G", Element(8)),
    ),
)  # fmt: skip
TINY_PROGRAM = compile_program((Want(TINY, ("A", "B/X", "B/Y", "C/P", "G"), ("A",), {"A": (0, 99)}),))


def tiny(*records):
    body = bytes.fromhex("".join(records))
    return decode_columns(TINY_PROGRAM, bytes([48, 0, 3 + len(body)]) + body)


def test_fields_land_in_their_columns_and_what_is_not_sent_is_missing():
    got = tiny("80 07", "c0 08 02", "c0 09 05 fe", "9f 80 0a 80 1234 02aa 01bbbb 03 02 63")
    assert got.status.tolist() == [columns.OK]
    assert got.rows.tolist() == [
        [7, MISSING, MISSING, MISSING, MISSING],
        [8, 1, MISSING, MISSING, MISSING],
        [9, 2, -1, MISSING, MISSING],
        [10, MISSING, MISSING, 0x1234, 0x63],
    ]


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ("81", columns.RECORD_CUT_OFF),  # FSPEC goes on, the block does not
        ("80", columns.RECORD_CUT_OFF),  # item announced, not there
        ("c0 08 03 01", columns.LAST_FX_SET),
        ("c0 08 03", columns.RECORD_CUT_OFF),  # second part announced
        ("81 01 01 00 07", columns.FSPEC_TOO_LONG),
        ("a0 07", columns.FSPEC_SPARE),
        ("81 40 07 08 09", columns.FSPEC_SPARE),  # behind the last item
        ("90 07 40", columns.FSPEC_SPARE),  # inside a compound
        ("90 07 20", columns.FSPEC_SPARE),
        ("90 07 81 80 1234", columns.FSPEC_TOO_LONG),
        ("90 07 80 12", columns.RECORD_CUT_OFF),
        ("90 07", columns.RECORD_CUT_OFF),
        ("88 07 00", columns.EXPLICIT_EMPTY),
        ("88 07 03 01", columns.RECORD_CUT_OFF),
        ("88 07", columns.RECORD_CUT_OFF),
        ("84 07 02 0000 00", columns.RECORD_CUT_OFF),
        ("84 07", columns.RECORD_CUT_OFF),
        ("82 07 03 05", columns.RECORD_CUT_OFF),
        ("40 02", columns.ITEM_MISSING),
        ("00", columns.ITEM_MISSING),
        ("80 64", columns.IMPLAUSIBLE),
    ],
)
def test_one_bad_record_refuses_its_block(record, status):
    got = tiny("80 07", record)
    assert got.status.tolist() == [status]
    assert (len(got.rows), got.count.tolist()) == (0, [0])
    assert columns.STATUS_TEXT[status]


def test_good_blocks_around_a_bad_one_stay():
    good, bad = bytes([48, 0, 5, 0x80, 7]), bytes([48, 0, 5, 0xA0, 7])
    unknown, cut_off = bytes([255, 0, 7, 1, 2, 3, 4]), bytes([48, 0, 9, 0x80, 7])
    got = decode_columns(TINY_PROGRAM, good + bad + unknown + good + cut_off)
    assert got.status.tolist() == [
        columns.OK, columns.FSPEC_SPARE, columns.NOT_READ, columns.OK, columns.CUT_OFF,
    ]  # fmt: skip
    assert got.rows[:, 0].tolist() == [7, 7]
    assert got.length.tolist() == [5, 5, 7, 5, 5]


@pytest.mark.parametrize(
    ("datagram", "status"),
    [(b"", []), (b"0", [columns.CUT_OFF]), (b"0\0", [columns.CUT_OFF]), (b"0\0\2", [columns.BAD_LENGTH]),
     (b"0\0\0zzz", [columns.BAD_LENGTH]), (b"0\0\3", [columns.OK])],
)  # fmt: skip
def test_headers_are_checked(datagram, status):
    got = decode_columns(TINY_PROGRAM, datagram)
    assert got.status.tolist() == status
    assert got.length.sum() == len(datagram)


def test_the_largest_block_of_the_smallest_records_fits():
    body = bytes.fromhex("8007") * 32_766
    got = decode_columns(TINY_PROGRAM, bytes([48]) + (3 + len(body)).to_bytes(2, "big") + body)
    assert got.count.tolist() == [32_766]
    empty = compile_program((Want(TINY, ("A",)),))  # nothing required: a record of one byte, 0
    assert decode_columns(empty, bytes([48, 0xFF, 0xFF]) + bytes(65_532)).count.tolist() == [65_532]


def test_a_record_that_is_cut_off_has_room_for_what_it_began():
    """The rows behind the table belong to somebody else: a short datagram must not reach them."""
    edition = tables.edition(62, "1.19")
    program = compile_program((Want(edition, ("010/SAC",), ("010", "040", "070", "080")),))
    items = bytes.fromhex("910c")  # names 010, 070, 040 and 080
    whole = items + bytes(2 + 3 + 2 + 1)
    for n_whole in range(4):
        for cut in range(2, len(whole)):
            body = whole * n_whole + whole[:cut]
            datagram = bytes([62, 0, 3 + len(body)]) + body
            buffer = np.frombuffer(datagram, np.uint8)
            room = np.full((len(buffer) + 1, 1), 77, np.int64)
            columns.walk_blocks(
                buffer, program.slots, program.heads, program.uap, program.nodes, program.lists, program.fields,
                room, np.empty((len(buffer) // 3 + 1, 6), np.int64),
            )  # fmt: skip
            used = int(np.count_nonzero(room != 77))
            got = decode_columns(program, datagram)
            assert got.status.tolist() == [columns.RECORD_CUT_OFF]
            assert used == n_whole + 1
            assert len(got.rows.base) >= used


def test_a_compound_in_a_compound_is_no_table_for_the_kernel():
    deep = Compound(1, (("P", Compound(1, (("Q", Element(8)),))),))
    with pytest.raises(TypeError, match="compound in a compound"):
        compile_program((Want(Edition(48, "deep", 1, (("C", deep),)), ("C/P/Q",)),))


def test_a_column_that_an_edition_lacks_is_missing_everywhere():
    want = Want(TINY, ("Z/Y", "Z|A", "A"))
    got = decode_columns(compile_program((want,)), bytes([48, 0, 5, 0x80, 7]))
    assert got.rows.tolist() == [[MISSING, MISSING, 7]]
    assert want.path("Z|A") == "A"
