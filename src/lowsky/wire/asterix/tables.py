"""The ASTERIX definitions as data: what ``tools/asterix_tables.py`` took from libasterix, as frozen nodes.

Source: the EUROCONTROL category documents as written down in asterix-specs and shipped by libasterix. Widths,
order and scales are theirs; nothing here is typed by hand.
"""

import functools
import importlib.resources
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Element:
    """A run of bits that is one number. ``lsb`` None: no physical unit. ``text``: "", icao, ascii or octal."""

    bits: int
    signed: bool = False
    spare: bool = False
    lsb: float | None = None
    unit: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    items: "tuple[tuple[str, Node], ...]"  # a spare is named ""


@dataclass(frozen=True, slots=True)
class Extended:
    """Parts, each ended by a bit that says whether the next follows; the last part only if ``last_fx``."""

    parts: "tuple[tuple[tuple[str, Node], ...], ...]"
    last_fx: bool


@dataclass(frozen=True, slots=True)
class Repetitive:
    """``count_bytes`` 0: no count, a bit after every repetition says whether another follows."""

    count_bytes: int
    node: "Node"


@dataclass(frozen=True, slots=True)
class Explicit:
    """A length byte (which counts itself) and bytes. ``kind``: RE, SP or ""."""

    kind: str


@dataclass(frozen=True, slots=True)
class Compound:
    """An FSPEC of at most ``fspec_bytes`` and the items it names. None: a bit that must not be set."""

    fspec_bytes: int
    items: "tuple[tuple[str, Node] | None, ...]"


Node = Element | Group | Extended | Repetitive | Explicit | Compound


@dataclass(frozen=True, slots=True, eq=False)
class Edition:
    """One category in one edition: the items in order of their FSPEC bits, None where the bit must not be set."""

    category: int
    name: str  # "1.19"
    fspec_bytes: int
    items: tuple[tuple[str, Node] | None, ...]

    def node(self, path: str) -> Node:
        """The node of an item ("140") or of something in it ("105/LAT", "380/SAB/GBS"). KeyError if there is none."""
        return find(self.items, path)


def find(items: tuple[tuple[str, Node] | None, ...], path: str) -> Node:
    """Follow names through groups, extended items and compounds. KeyError with the path if there is no such thing."""
    name, _, rest = path.partition("/")
    node = next((pair[1] for pair in items if pair is not None and pair[0] == name), None)
    if node is None:
        raise KeyError(path)
    return node if not rest else find(children(node), rest)


def children(node: Node) -> tuple[tuple[str, Node] | None, ...]:
    """What is named inside a node; nothing for elements, repetitions and explicit items."""
    match node:
        case Group(items) | Compound(_, items):
            return items
        case Extended(parts):
            return tuple(pair for part in parts for pair in part)
        case _:
            return ()


def _element(bits: int, content: Any) -> Element:
    if isinstance(content, list):
        lsb, unit, sign = content
        return Element(bits, signed=sign == "-", lsb=lsb, unit=unit)
    if content in ("icao", "ascii", "octal"):
        return Element(bits, text=content)
    return Element(bits, signed=content == "int-", spare=content == "spare")


class _Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    nodes: list[Any]
    categories: dict[str, dict[str, Any]]
    expansions: dict[str, dict[str, Any]]


@functools.cache
def _tables() -> tuple[_Tables, tuple[Node, ...]]:
    raw = importlib.resources.files("lowsky.wire.asterix").joinpath("tables.json").read_bytes()
    tables = msgspec.json.decode(raw, type=_Tables)
    nodes: list[Node] = []

    def pair(entry: Any) -> tuple[str, Node]:
        return entry[0], nodes[entry[1]]

    for entry in tables.nodes:  # a node only refers to nodes before it
        node: Node
        match entry:
            case ["e", bits, content]:
                node = _element(bits, content)
            case ["g", items]:
                node = Group(tuple(map(pair, items)))
            case ["x", parts, last_fx]:
                node = Extended(tuple(tuple(map(pair, part)) for part in parts), bool(last_fx))
            case ["r", count_bytes, inner]:
                node = Repetitive(count_bytes, nodes[inner])
            case ["b", kind]:
                node = Explicit(kind)
            case ["c", fspec_bytes, items]:
                node = Compound(fspec_bytes, tuple(item and pair(item) for item in items))
            case _:
                raise ValueError(f"tables.json: node {entry} is of no known kind")
        nodes.append(node)
    return tables, tuple(nodes)


def _edition(category: int, name: str, entry: Any, nodes: tuple[Node, ...]) -> Edition:
    items = tuple(item and (item[0], nodes[item[1]]) for item in entry["items"])
    return Edition(category, name, entry["fspec"], items)


@functools.cache
def edition(category: int, name: str) -> Edition:
    """One edition of a category, such as ``edition(62, "1.19")``. KeyError if the table has none of that name."""
    tables, nodes = _tables()
    return _edition(category, name, tables.categories[f"{category:03d}"][name], nodes)


@functools.cache
def expansion(category: int, name: str) -> Edition:
    """One edition of a category's reserved expansion field (fixed FSPEC). KeyError if there is none."""
    tables, nodes = _tables()
    return _edition(category, name, tables.expansions[f"{category:03d}"][name], nodes)


def editions() -> dict[int, tuple[str, ...]]:
    """Category -> names of its editions, oldest first."""
    return {int(category): tuple(names) for category, names in _tables()[0].categories.items()}


def expansions() -> dict[int, tuple[str, ...]]:
    """Category -> names of the editions of its reserved expansion field, oldest first."""
    return {int(category): tuple(names) for category, names in _tables()[0].expansions.items()}
