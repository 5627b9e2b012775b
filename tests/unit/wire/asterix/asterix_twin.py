"""Slow twin of ``lowsky.wire.asterix.columns``: the same columns by way of the full decoder. Never optimised."""

from lowsky.errors import DecodeError
from lowsky.wire.asterix import columns
from lowsky.wire.asterix.decode import HEADER_BYTES, decode_records


def blocks(program, datagram):
    """[(category, offset, length, rows or None where refused)], rows as lists of int or MISSING."""
    found, at = [], 0
    while at < len(datagram):
        length = int.from_bytes(datagram[at + 1 : at + 3], "big")
        if len(datagram) - at < HEADER_BYTES or length < HEADER_BYTES or at + length > len(datagram):
            found.append((datagram[at], at, len(datagram) - at, None))
            break
        slot = program.slot(datagram[at])
        rows = None if slot < 0 else rows_of(program.wants[slot], datagram[at + HEADER_BYTES : at + length])
        found.append((datagram[at], at, length, rows))
        at += length
    return found


def rows_of(want, payload):
    try:
        records = decode_records(want.edition, payload)
    except DecodeError:
        return None
    rows = []
    for record in records:
        if any(name not in record for name in want.required):
            return None
        row = []
        for column in want.columns:
            path = want.path(column)
            value = None if path is None else follow(record, path.split("/"))
            lowest, highest = want.limits.get(column, (-(2**63), 2**63))
            if value is not None and not lowest <= value <= highest:
                return None
            row.append(columns.MISSING if value is None else value)
        rows.append(row)
    return rows


def follow(value, names):
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return value
