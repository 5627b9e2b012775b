"""The tables as flat integer arrays: what the kernel of ``columns`` walks.

A program holds one edition of each category it reads, the fields wanted of each as columns, which items a record
must have, and the range each field must lie in. The last two are how a feed of another edition is recognised: its
bytes may well parse, but not into records that make sense.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lowsky.model.measurement import Ints
from lowsky.wire.asterix.decode import part_sizes, width
from lowsky.wire.asterix.tables import Compound, Edition, Element, Explicit, Extended, Group, Node, Repetitive, find

# kinds of nodes, and what their two numbers are
FIXED = 0  # bytes, -
EXTENDED = 1  # first entry in ``lists``, parts; an entry is bytes * 2 + (1 if the part ends with FX)
COUNTED = 2  # bytes of the count, bytes of one repetition
CHAINED = 3  # -, bytes of one repetition
EXPLICIT = 4  # -, -
COMPOUND = 5  # first entry in ``lists``, entries; then FSPEC bytes. An entry is a node, or -1

MAX_FIELD_BITS = 56  # so that a field and the odd bits before it fit an int64


@dataclass(frozen=True, slots=True)
class Want:
    """What to take of one category.

    Attributes
    ----------
    edition : Edition
        How it is encoded.
    columns : tuple of str
        Paths such as "140", "040/RHO", "380/SAB/GBS"; columns in this order. A path ``a|b`` is the first of
        the two that the edition has; one that the edition does not have at all is a column of nothing.
    required : tuple of str
        Items every record must have ("010").
    limits : mapping of column to (lowest, highest)
        Columns as in ``columns``; integers of the wire, two's complement resolved. A value outside means that this
        is not the edition.
    """

    edition: Edition
    columns: tuple[str, ...]
    required: tuple[str, ...] = ()
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def path(self, column: str) -> str | None:
        """The alternative of a column's paths that this edition has."""
        for path in column.split("|"):
            try:
                find(self.edition.items, path)
            except KeyError:
                continue
            return path
        return None

    def element(self, column: str) -> Element | None:
        """The definition of a column (width, scale), None where this edition does not have it."""
        path = self.path(column)
        if path is None:
            return None
        node = self.edition.node(path)
        if not isinstance(node, Element):
            raise TypeError(f"{path} of category {self.edition.category} is not a single number")
        return node


@dataclass(frozen=True, slots=True)
class Program:
    """Arrays for ``columns``; built by ``compile_program``. ``wants[k]`` is what category slot k was made from."""

    wants: tuple[Want, ...]
    slots: Ints  # int64[256]     category -> slot, -1: not read
    heads: Ints  # int64[S, 4]    slot: first of ``uap``, entries, FSPEC bytes, number of required items
    uap: Ints  # int64[U, 2]      FSPEC bit: node or -1, 1 if required
    nodes: Ints  # int64[N, 6]    kind, its two numbers (and the FSPEC bytes), first of ``fields``, number of them
    lists: Ints  # int64[L]
    fields: Ints  # int64[F, 6]   bit offset in the item, bits, 1 if signed, column, lowest, highest
    n_columns: int
    record_bytes: int  # no record is shorter

    def slot(self, category: int) -> int:
        return int(self.slots[category])


INT64 = np.iinfo(np.int64)


class _Builder:
    def __init__(self) -> None:
        self.nodes: list[list[int]] = []
        self.lists: list[int] = []
        self.fields: list[list[int]] = []

    def node(self, node: Node, prefix: str, wanted: Mapping[str, list[int]]) -> int:
        """Append a node and what is below it. ``wanted``: path -> [column, lowest, highest]."""
        match node:
            case Compound(fspec_bytes, items):
                if any(item is not None and isinstance(item[1], Compound) for item in items):
                    raise TypeError(f"{prefix} has a compound in a compound, which the kernel does not walk")
                inner = [-1 if item is None else self.node(item[1], f"{prefix}/{item[0]}", wanted) for item in items]
                first = len(self.lists)
                self.lists += inner
                return self._put(COMPOUND, first, len(inner), fspec_bytes)
            case Extended(parts, last_fx):
                sizes = part_sizes(parts, last_fx)
                entries = [size * 2 + 1 for size in sizes]
                entries[-1] -= not last_fx
                first = len(self.lists)
                self.lists += entries
                offset, found = 0, []
                for part, size in zip(parts, sizes):
                    found += self._fields(part, prefix, offset, wanted)
                    offset += 8 * size
                return self._put(EXTENDED, first, len(entries), 0, found)
            case Repetitive(0, inner_node):
                return self._put(CHAINED, 0, (width(inner_node) + 1) // 8)
            case Repetitive(count_bytes, inner_node):
                return self._put(COUNTED, count_bytes, width(inner_node) // 8)
            case Explicit():
                return self._put(EXPLICIT, 0, 0)
            case Element():
                return self._put(FIXED, node.bits // 8, 0, 0, self._field(node, prefix, 0, wanted))
            case Group(items):
                return self._put(FIXED, width(node) // 8, 0, 0, self._fields(items, prefix, 0, wanted))

    def _put(self, kind: int, a: int, b: int, fspec_bytes: int = 0, found: list[list[int]] | None = None) -> int:
        self.nodes.append([kind, a, b, fspec_bytes, len(self.fields), len(found or ())])
        self.fields += found or []
        return len(self.nodes) - 1

    def _fields(
        self, items: tuple[tuple[str, Node], ...], prefix: str, offset: int, wanted: Mapping[str, list[int]]
    ) -> list[list[int]]:
        found = []
        for name, inner in items:
            if isinstance(inner, Group):
                found += self._fields(inner.items, f"{prefix}/{name}", offset, wanted)
            elif isinstance(inner, Element):
                found += self._field(inner, f"{prefix}/{name}", offset, wanted)
            offset += width(inner)
        return found

    def _field(self, node: Element, path: str, offset: int, wanted: Mapping[str, list[int]]) -> list[list[int]]:
        if path not in wanted:
            return []
        if node.bits > MAX_FIELD_BITS:
            raise ValueError(f"{path} has {node.bits} bits, more than a column holds")
        column, lowest, highest = wanted[path]
        return [[offset, node.bits, int(node.signed), column, lowest, highest]]


def _wanted(want: Want) -> dict[str, list[int]]:
    wanted = {}
    for column, name in enumerate(want.columns):
        path = want.path(name)
        if path is not None:
            wanted[path] = [column, *want.limits.get(name, (INT64.min, INT64.max))]
    return wanted


def compile_program(wants: tuple[Want, ...]) -> Program:
    """Flat arrays for the categories wanted, one edition each."""
    build = _Builder()
    slots = np.full(256, -1, np.int64)
    heads: list[list[int]] = []
    uap: list[list[int]] = []
    shortest = []
    for slot, want in enumerate(wants):
        wanted, first, length = _wanted(want), len(uap), 1
        for item in want.edition.items:
            if item is None:
                uap.append([-1, 0])
                continue
            needed = item[0] in want.required
            uap.append([build.node(item[1], item[0], wanted), int(needed)])
            if needed and isinstance(item[1], Element | Group):
                length += width(item[1]) // 8
        slots[want.edition.category] = slot
        heads.append([first, len(uap) - first, want.edition.fspec_bytes, sum(row[1] for row in uap[first:])])
        shortest.append(length)
    return Program(
        wants, slots, _table(heads, 4), _table(uap, 2), _table(build.nodes, 6), np.array(build.lists, np.int64),
        _table(build.fields, 6), max((len(want.columns) for want in wants), default=0), min(shortest, default=1),
    )  # fmt: skip


def _table(rows: list[list[int]], columns: int) -> Ints:
    return np.array(rows, np.int64).reshape(-1, columns)
