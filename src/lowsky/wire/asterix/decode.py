"""Every item of a record, faithfully: bytes -> nested dicts of raw integers.

The slow, complete face of the tables; ``columns`` is the fast one that takes only what a feed wants. Strict in the
same places as libasterix: the last FX bit is zero, an FSPEC is not too long and names no spare, an explicit item
has a length, nothing reaches past its block.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lowsky.errors import DecodeError, Truncated
from lowsky.wire.asterix.tables import Compound, Edition, Element, Explicit, Extended, Group, Node, Repetitive

HEADER_BYTES = 3

Record = dict[str, Any]
"""Item name -> value: int (two's complement resolved), bytes (explicit items without their length byte), dict of
subitems (only those sent; spares left out), list of repetitions."""

Reader = Callable[[bytes, int, int], tuple[Any, int]]
"""(buffer, position, end) -> (value, position after it)."""


@dataclass(frozen=True, slots=True)
class Block:
    """A data block whose length field was right. ``records`` are the bytes behind the header."""

    category: int
    offset: int  # of the header in the datagram
    records: bytes


def blocks(datagram: bytes) -> Iterator[Block]:
    """The data blocks of one datagram, in order.

    Raises ``Truncated`` where a block reaches past the end, ``DecodeError`` where its length cannot be; every
    block before it has been yielded by then.
    """
    at = 0
    while at < len(datagram):
        if len(datagram) - at < HEADER_BYTES:
            raise Truncated("block header cut off", at, datagram)
        length = int.from_bytes(datagram[at + 1 : at + 3], "big")
        if length < HEADER_BYTES:
            raise DecodeError("block length below its header", at, datagram)
        if at + length > len(datagram):
            raise Truncated("block cut off", at, datagram)
        yield Block(datagram[at], at, datagram[at + HEADER_BYTES : at + length])
        at += length


def decode_records(edition: Edition, records: bytes) -> list[Record]:
    """All records of one block. Raises ``DecodeError`` at the first that is not of this edition: none is returned."""
    read = _record_reader(edition)
    at, found = 0, []
    while at < len(records):
        record, at = read(records, at, len(records))
        found.append(record)
    return found


def decode_expansion(expansion: Edition, payload: bytes) -> Record:
    """A reserved expansion field (value of item "RE") by its own definition.

    Bytes behind the last item the FSPEC names are an error: the field was made by another edition.
    """
    size = expansion.fspec_bytes
    if len(payload) < size:
        raise Truncated("expansion FSPEC cut off", len(payload), payload)
    flags = [byte >> bit & 1 for byte in payload[:size] for bit in range(7, -1, -1)]
    record, at = _read_items(_readers(expansion.items), flags, payload, size, len(payload))
    if at != len(payload):
        raise DecodeError("bytes left behind the expansion field", at, payload)
    return record


@functools.cache
def _record_reader(edition: Edition) -> Reader:
    return _compound_reader(edition.fspec_bytes, edition.items)


def _readers(items: tuple[tuple[str, Node] | None, ...]) -> tuple[tuple[str, Reader] | None, ...]:
    return tuple(item and (item[0], _reader(item[1])) for item in items)


def _read_items(
    readers: tuple[tuple[str, Reader] | None, ...], flags: list[int], buffer: bytes, at: int, end: int
) -> tuple[Record, int]:
    record: Record = {}
    for index, flag in enumerate(flags):
        if flag:
            item = readers[index] if index < len(readers) else None
            if item is None:
                raise DecodeError("FSPEC names an item that is not defined", at, buffer)
            record[item[0]], at = item[1](buffer, at, end)
    return record, at


def _compound_reader(fspec_bytes: int, items: tuple[tuple[str, Node] | None, ...]) -> Reader:
    readers = _readers(items)

    def read(buffer: bytes, at: int, end: int) -> tuple[Any, int]:
        flags: list[int] = []
        more = 1
        while more:
            if at >= end:
                raise Truncated("FSPEC cut off", at, buffer)
            if len(flags) == 7 * fspec_bytes:
                raise DecodeError("FSPEC too long", at, buffer)
            byte = buffer[at]
            flags += _SEVEN[byte >> 1]
            more = byte & 1
            at += 1
        return _read_items(readers, flags, buffer, at, end)

    return read


_SEVEN = tuple([value >> bit & 1 for bit in range(6, -1, -1)] for value in range(128))


def _reader(node: Node) -> Reader:
    match node:
        case Element() | Group():
            return _fixed_reader(node)
        case Extended(parts, last_fx):
            return _extended_reader(parts, last_fx)
        case Repetitive(count_bytes, inner):
            return _counted_reader(count_bytes, inner) if count_bytes else _chained_reader(inner)
        case Explicit():
            return _read_explicit
        case Compound(fspec_bytes, items):
            return _compound_reader(fspec_bytes, items)


def width(node: Node) -> int:
    """Bits of a node of fixed size. TypeError for the others."""
    match node:
        case Element(bits):
            return bits
        case Group(items):
            return sum(width(inner) for _, inner in items)
        case _:
            raise TypeError(f"{type(node).__name__} has no fixed width")


def _value_of(node: Node) -> Callable[[int], Any]:
    """Function from the unsigned bits of a node of fixed size to its value."""
    if isinstance(node, Element):
        if not node.signed:
            return lambda bits: bits
        half, full = 1 << (node.bits - 1), 1 << node.bits
        return lambda bits: bits - full if bits >= half else bits
    if not isinstance(node, Group):
        raise TypeError(f"{type(node).__name__} has no fixed width")
    plan, left = [], width(node)
    for name, inner in node.items:
        left -= width(inner)
        if name:
            plan.append((name, left, (1 << width(inner)) - 1, _value_of(inner)))
    return lambda bits: {name: value(bits >> shift & mask) for name, shift, mask, value in plan}


def _fixed_reader(node: Element | Group) -> Reader:
    size, odd = divmod(width(node), 8)
    if odd:
        raise TypeError("an item that does not end at a byte")
    value = _value_of(node)

    def read(buffer: bytes, at: int, end: int) -> tuple[Any, int]:
        after = at + size
        if after > end:
            raise Truncated("item cut off", at, buffer)
        return value(int.from_bytes(buffer[at:after], "big")), after

    return read


def part_sizes(parts: tuple[tuple[tuple[str, Node], ...], ...], last_fx: bool) -> list[int]:
    """Bytes of each part of an extended item, FX bits included."""
    sizes = []
    for number, part in enumerate(parts, 1):
        bits = sum(width(inner) for _, inner in part) + (number < len(parts) or last_fx)
        if bits % 8:
            raise TypeError("a part that does not end at a byte")
        sizes.append(bits // 8)
    return sizes


def _extended_reader(parts: tuple[tuple[tuple[str, Node], ...], ...], last_fx: bool) -> Reader:
    plan = []
    for number, (part, size) in enumerate(zip(parts, part_sizes(parts, last_fx)), 1):
        has_fx = number < len(parts) or last_fx
        plan.append((size, int(has_fx), number == len(parts), _value_of(Group(part))))

    def read(buffer: bytes, at: int, end: int) -> tuple[Any, int]:
        record: Record = {}
        for size, fx_bits, is_last, value in plan:
            after = at + size
            if after > end:
                raise Truncated("extended item cut off", at, buffer)
            bits = int.from_bytes(buffer[at:after], "big")
            record |= value(bits >> fx_bits)
            at = after
            if not fx_bits or not bits & 1:
                break
            if is_last:
                raise DecodeError("the last FX bit is set", at, buffer)
        return record, at

    return read


def _counted_reader(count_bytes: int, node: Node) -> Reader:
    if not isinstance(node, Element | Group):
        raise TypeError("repetitions are of fixed size in every category read here")
    read_one, size = _fixed_reader(node), width(node) // 8

    def read(buffer: bytes, at: int, end: int) -> tuple[Any, int]:
        count = int.from_bytes(buffer[at : at + count_bytes], "big")
        if at + count_bytes > end or at + count_bytes + count * size > end:
            raise Truncated("repetitive item cut off", at, buffer)
        at += count_bytes
        return [read_one(buffer, at + size * k, end)[0] for k in range(count)], at + count * size

    return read


def _chained_reader(node: Node) -> Reader:
    size, odd = divmod(width(node) + 1, 8)
    if odd:
        raise TypeError("a repetition that does not end at a byte")
    value = _value_of(node)

    def read(buffer: bytes, at: int, end: int) -> tuple[Any, int]:
        found, more = [], 1
        while more:
            if at + size > end:
                raise Truncated("repetitive item cut off", at, buffer)
            bits = int.from_bytes(buffer[at : at + size], "big")
            found.append(value(bits >> 1))
            more = bits & 1
            at += size
        return found, at

    return read


def _read_explicit(buffer: bytes, at: int, end: int) -> tuple[Any, int]:
    if at >= end:
        raise Truncated("explicit item cut off", at, buffer)
    length = buffer[at]
    if length == 0:
        raise DecodeError("explicit item of length zero", at, buffer)
    if at + length > end:
        raise Truncated("explicit item cut off", at, buffer)
    return buffer[at + 1 : at + length], at + length
