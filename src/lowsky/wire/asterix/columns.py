"""The wanted fields of every record of a datagram as int64 columns: one pass, no object per record.

The tables say how to walk (``program``); the kernel only follows. It refuses what ``decode`` refuses and, besides,
blocks whose records lack a required item or carry a value that cannot be. Its twin, written over ``decode``, is in
tests/unit/wire/asterix.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from lowsky.model.measurement import Ints
from lowsky.wire.asterix.program import CHAINED, COMPOUND, COUNTED, EXPLICIT, EXTENDED, FIXED, Program

MISSING = np.iinfo(np.int64).min
"""In a column: the record does not have the field."""

# what became of a block
OK = 0
NOT_READ = 1
CUT_OFF = 2
BAD_LENGTH = 3
RECORD_CUT_OFF = 4
FSPEC_TOO_LONG = 5
FSPEC_SPARE = 6
LAST_FX_SET = 7
EXPLICIT_EMPTY = 8
ITEM_MISSING = 9
IMPLAUSIBLE = 10
STATUS_TEXT = {
    NOT_READ: "category that is not read",
    CUT_OFF: "block cut off",
    BAD_LENGTH: "block length below its header",
    RECORD_CUT_OFF: "record reaches past its block",
    FSPEC_TOO_LONG: "FSPEC too long",
    FSPEC_SPARE: "FSPEC names an item that is not defined",
    LAST_FX_SET: "the last FX bit is set",
    EXPLICIT_EMPTY: "explicit item of length zero",
    ITEM_MISSING: "a mandatory item is missing: another edition?",
    IMPLAUSIBLE: "a value that cannot be: another edition?",
}
ENDS_WALK = (CUT_OFF, BAD_LENGTH)  # nothing behind such a block can be found


@dataclass(frozen=True, slots=True)
class Blocks:
    """Data blocks of a datagram. B blocks, N records, K columns (those of ``Program.wants[slot].columns``, then
    nothing).

    Records of refused blocks are not in ``rows``.
    """

    category: Ints  # int64[B]
    offset: Ints  # int64[B]    of the header
    length: Ints  # int64[B]    bytes, header included; what there is, where it is cut off
    first: Ints  # int64[B]     its first row
    count: Ints  # int64[B]     rows
    status: Ints  # int64[B]    OK or the reason it was refused
    rows: Ints  # int64[N, K]


def decode_columns(program: Program, datagram: bytes | memoryview) -> Blocks:
    """All blocks of a datagram, or of a piece of file that is a chain of blocks. Never raises.

    A refused block does not touch the others; behind one that is cut off or has an impossible length nothing can
    be found, so it is the last.
    """
    buffer = np.frombuffer(datagram, np.uint8)
    most_rows = len(buffer) // program.record_bytes
    rows = np.empty((most_rows, program.n_columns), np.int64)
    blocks = np.empty((len(buffer) // 3 + 1, 6), np.int64)
    n_blocks, n_rows = walk_blocks(
        buffer, program.slots, program.heads, program.uap, program.nodes, program.lists, program.fields, rows, blocks
    )
    category, offset, length, first, count, status = blocks[:n_blocks].T
    return Blocks(category, offset, length, first, count, status, rows[:n_rows])


@njit(cache=True)
def walk_blocks(buffer, slots, heads, uap, nodes, lists, fields, rows, blocks):  # type: ignore[no-untyped-def]
    """Walk a chain of blocks; write ``rows`` and ``blocks``; return how many of both. Never raises.

    ``buffer`` uint8[n]; the tables are those of ``Program``; ``rows`` int64[n // shortest record, K]; ``blocks``
    int64[n // 3 + 1, 6] gets the fields of ``Blocks`` in order. The caller makes both large enough.
    """
    at, n_blocks, n_rows, size = np.int64(0), 0, 0, len(buffer)
    while at < size:
        block = blocks[n_blocks]
        n_blocks += 1
        block[0], block[1], block[2], block[3], block[4] = buffer[at], at, size - at, n_rows, 0
        length = np.int64(0)
        if size - at >= 3:
            length = np.int64(buffer[at + 1]) << 8 | np.int64(buffer[at + 2])
            if length < 3:
                block[5] = BAD_LENGTH
                return n_blocks, n_rows
        if length == 0 or at + length > size:
            block[5] = CUT_OFF
            return n_blocks, n_rows
        block[2] = length
        slot = slots[buffer[at]]
        if slot < 0:
            block[5] = NOT_READ
        else:
            status, n = walk_records(buffer, at + 3, at + length, heads[slot], uap, nodes, lists, fields, rows[n_rows:])
            block[5] = status
            if status == OK:
                block[4] = n
                n_rows += n
        at += length
    return n_blocks, n_rows


@njit(cache=True)
def walk_records(buffer, at, end, head, uap, nodes, lists, fields, rows):  # type: ignore[no-untyped-def]
    """Records of one block into ``rows``: (status, number of records). One bad record refuses the block."""
    n = 0
    stop = np.zeros(1, np.int64)
    while at < end:
        # the items are named first, so that a record of another edition costs no row
        fspec = at
        while True:
            if at >= end:
                return RECORD_CUT_OFF, n
            if at - fspec == head[2]:
                return FSPEC_TOO_LONG, n
            at += 1
            if buffer[at - 1] & 1 == 0:
                break
        n_flags, n_required = 7 * (at - fspec), 0
        for flag in range(n_flags):
            if buffer[fspec + flag // 7] >> (7 - flag % 7) & 1:
                if flag >= head[1] or uap[head[0] + flag, 0] < 0:
                    return FSPEC_SPARE, n
                n_required += uap[head[0] + flag, 1]
        if n_required < head[3]:
            return ITEM_MISSING, n
        row = rows[n]
        row[:] = MISSING
        n += 1
        for flag in range(n_flags):
            if buffer[fspec + flag // 7] >> (7 - flag % 7) & 1:
                status = walk_item(buffer, at, end, uap[head[0] + flag, 0], nodes, lists, fields, row, stop)
                if status != OK:
                    return status, n
                at = stop[0]
    return OK, n


@njit(cache=True)
def walk_item(buffer, at, end, index, nodes, lists, fields, row, stop):  # type: ignore[no-untyped-def]
    """One item, compound or not: writes its fields to ``row`` and the position after it to ``stop[0]``."""
    node = nodes[index]
    if node[0] != COMPOUND:
        return walk_simple(buffer, at, end, node, lists, fields, row, stop)
    fspec = at
    while True:
        if at >= end:
            return RECORD_CUT_OFF
        if at - fspec == node[3]:
            return FSPEC_TOO_LONG
        at += 1
        if buffer[at - 1] & 1 == 0:
            break
    n_flags = 7 * (at - fspec)
    for flag in range(n_flags):
        if buffer[fspec + flag // 7] >> (7 - flag % 7) & 1:
            if flag >= node[2] or lists[node[1] + flag] < 0:
                return FSPEC_SPARE
            # never a compound in a compound: ``compile_program`` refuses such a table
            status = walk_simple(buffer, at, end, nodes[lists[node[1] + flag]], lists, fields, row, stop)
            if status != OK:
                return status
            at = stop[0]
    stop[0] = at
    return OK


@njit(cache=True)
def walk_simple(buffer, at, end, node, lists, fields, row, stop):  # type: ignore[no-untyped-def]
    """One item that is not compound; ``at`` may be ``end`` already."""
    start, kind = at, node[0]
    if kind == FIXED:
        at += node[1]
    elif kind == EXTENDED:
        for part in range(node[2]):
            entry = lists[node[1] + part]
            at += entry >> 1
            if at > end:
                return RECORD_CUT_OFF
            if entry & 1 == 0 or buffer[at - 1] & 1 == 0:
                break
            if part == node[2] - 1:
                return LAST_FX_SET
    elif kind == COUNTED:
        if at + node[1] > end:
            return RECORD_CUT_OFF
        count = np.int64(0)
        for k in range(node[1]):
            count = count << 8 | np.int64(buffer[at + k])
        at += node[1] + count * node[2]
    elif kind == CHAINED:
        while True:
            at += node[2]
            if at > end:
                return RECORD_CUT_OFF
            if buffer[at - 1] & 1 == 0:
                break
    elif kind == EXPLICIT:
        if at >= end:
            return RECORD_CUT_OFF
        if buffer[at] == 0:
            return EXPLICIT_EMPTY
        at += np.int64(buffer[at])
    if at > end:
        return RECORD_CUT_OFF
    stop[0] = at
    return take_fields(buffer, start, at, fields[node[4] : node[4] + node[5]], row)


@njit(cache=True)
def take_fields(buffer, start, end, fields, row):  # type: ignore[no-untyped-def]
    """Write the fields that lie within [start, end) to their columns; IMPLAUSIBLE where one is out of its limits."""
    for k in range(len(fields)):
        offset, bits = fields[k, 0], fields[k, 1]
        last = start + (offset + bits - 1) // 8
        if last >= end:
            continue  # in a part of an extended item that was not sent
        value = np.int64(0)
        first = start + offset // 8
        for at in range(first, last + 1):
            value = value << 8 | np.int64(buffer[at])
        value = value >> (8 * (last - start) + 7 - (offset + bits - 1)) & ((np.int64(1) << bits) - 1)
        if fields[k, 2] and value >> (bits - 1):
            value -= np.int64(1) << bits
        if value < fields[k, 4] or value > fields[k, 5]:
            return IMPLAUSIBLE
        row[fields[k, 3]] = value
    return OK
