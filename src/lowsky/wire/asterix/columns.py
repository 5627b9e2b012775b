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
    most_rows = len(buffer) // program.record_bytes + 1  # one more is begun before it is found to be cut off
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

    ``buffer`` uint8[n]; the tables are those of ``Program``; ``rows`` int64[n // shortest record + 1, K];
    ``blocks`` int64[n // 3 + 1, 6] gets the fields of ``Blocks`` in order. Neither size is checked here.
    """
    at, n_blocks, n_rows, size = np.int64(0), 0, 0, len(buffer)
    while at < size:
        status, length, n = CUT_OFF, np.int64(0), n_rows
        if size - at >= 3:
            length = np.int64(buffer[at + 1]) << 8 | np.int64(buffer[at + 2])
            if length < 3:
                status = BAD_LENGTH
            elif at + length <= size:
                status = NOT_READ
                slot = slots[buffer[at]]
                if slot >= 0:
                    status, n = walk_records(
                        buffer, at + 3, at + length, heads, slot, uap, nodes, lists, fields, rows, n_rows
                    )
        is_end = status in ENDS_WALK
        blocks[n_blocks, 0] = buffer[at]
        blocks[n_blocks, 1] = at
        blocks[n_blocks, 2] = size - at if is_end else length
        blocks[n_blocks, 3] = n_rows
        blocks[n_blocks, 4] = n - n_rows if status == OK else 0
        blocks[n_blocks, 5] = status
        n_blocks += 1
        if is_end:
            break
        if status == OK:
            n_rows = n
        at += length
    return n_blocks, n_rows


@njit(cache=True)
def fspec_end(buffer, at, end, most):  # type: ignore[no-untyped-def]
    """(status, position after the FSPEC at ``at``); it may have ``most`` bytes."""
    start = at
    while True:
        if at >= end:
            return RECORD_CUT_OFF, at
        if at - start == most:
            return FSPEC_TOO_LONG, at
        at += 1
        if buffer[at - 1] & 1 == 0:
            return OK, at


@njit(cache=True)
def walk_records(buffer, at, end, heads, slot, uap, nodes, lists, fields, rows, n):  # type: ignore[no-untyped-def]
    """Records of one block into ``rows`` from row ``n``: (status, row after the last). One bad record refuses all."""
    first, n_items, most, n_required = heads[slot, 0], heads[slot, 1], heads[slot, 2], heads[slot, 3]
    while at < end:
        fspec = at
        status, at = fspec_end(buffer, at, end, most)
        if status != OK:
            return status, n
        # the items are named first, so that a record of another edition costs no row
        flag, found = 0, 0
        for byte in range(fspec, at):
            for bit in range(7, 0, -1):
                if buffer[byte] >> bit & 1:
                    if flag >= n_items or uap[first + flag, 0] < 0:
                        return FSPEC_SPARE, n
                    found += uap[first + flag, 1]
                flag += 1
        if found < n_required:
            return ITEM_MISSING, n
        for column in range(rows.shape[1]):
            rows[n, column] = MISSING
        flag = 0
        for byte in range(fspec, at):
            for bit in range(7, 0, -1):
                if buffer[byte] >> bit & 1:
                    status, at = walk_item(buffer, at, end, uap[first + flag, 0], nodes, lists, fields, rows, n)
                    if status != OK:
                        return status, n
                flag += 1
        n += 1
    return OK, n


@njit(cache=True)
def walk_item(buffer, at, end, node, nodes, lists, fields, rows, n):  # type: ignore[no-untyped-def]
    """One item, compound or not, its fields into row ``n``: (status, position after it)."""
    if nodes[node, 0] != COMPOUND:
        return walk_simple(buffer, at, end, node, nodes, lists, fields, rows, n)
    fspec = at
    status, at = fspec_end(buffer, at, end, nodes[node, 3])
    if status != OK:
        return status, at
    first, n_inner, flag = nodes[node, 1], nodes[node, 2], 0
    for byte in range(fspec, at):
        for bit in range(7, 0, -1):
            if buffer[byte] >> bit & 1:
                if flag >= n_inner or lists[first + flag] < 0:
                    return FSPEC_SPARE, at
                # never a compound in a compound: ``compile_program`` refuses such a table
                status, at = walk_simple(buffer, at, end, lists[first + flag], nodes, lists, fields, rows, n)
                if status != OK:
                    return status, at
            flag += 1
    return OK, at


@njit(cache=True)
def walk_simple(buffer, at, end, node, nodes, lists, fields, rows, n):  # type: ignore[no-untyped-def]
    """One item that is not compound: (status, position after it). ``at`` may be ``end`` already."""
    start, kind, a, b = at, nodes[node, 0], nodes[node, 1], nodes[node, 2]
    if kind == FIXED:
        at += a
    elif kind == EXTENDED:
        for part in range(b):
            entry = lists[a + part]
            at += entry >> 1
            if at > end:
                return RECORD_CUT_OFF, at
            if entry & 1 == 0 or buffer[at - 1] & 1 == 0:
                break
            if part == b - 1:
                return LAST_FX_SET, at
    elif kind == COUNTED:
        if at + a > end:
            return RECORD_CUT_OFF, at
        count = np.int64(0)
        for k in range(a):
            count = count << 8 | np.int64(buffer[at + k])
        at += a + count * b
    elif kind == CHAINED:
        while True:
            at += b
            if at > end:
                return RECORD_CUT_OFF, at
            if buffer[at - 1] & 1 == 0:
                break
    elif kind == EXPLICIT:
        if at >= end:
            return RECORD_CUT_OFF, at
        if buffer[at] == 0:
            return EXPLICIT_EMPTY, at
        at += np.int64(buffer[at])
    if at > end:
        return RECORD_CUT_OFF, at
    for field in range(nodes[node, 4], nodes[node, 4] + nodes[node, 5]):
        if not take_field(buffer, start, at, fields, field, rows, n):
            return IMPLAUSIBLE, at
    return OK, at


@njit(cache=True)
def take_field(buffer, start, end, fields, field, rows, n):  # type: ignore[no-untyped-def]
    """Write a field that lies within [start, end) to its column of row ``n``; False where it is out of its limits."""
    bits = fields[field, 1]
    past = fields[field, 0] + bits  # bits from the start of the item to the end of the field
    last = start + (past - 1) // 8
    if last >= end:
        return True  # in a part of an extended item that was not sent
    value = np.int64(0)
    for at in range(start + fields[field, 0] // 8, last + 1):
        value = value << 8 | np.int64(buffer[at])
    value = value >> (8 * (last - start + 1) - past) & ((np.int64(1) << bits) - 1)
    if fields[field, 2] and value >> (bits - 1):
        value -= np.int64(1) << bits
    rows[n, fields[field, 3]] = value
    return fields[field, 4] <= value <= fields[field, 5]
