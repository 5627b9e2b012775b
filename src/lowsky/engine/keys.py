"""How a table of the site file is read: its keys, what each may hold, and the line a fault is at."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lowsky.errors import Fault


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: what it may hold and what it becomes."""

    name: str  # in the file
    field: str  # of the struct
    reads: Callable[[Any], Any]  # raises ValueError(what would be right)
    required: bool = False


def number(low: float, high: float, scale: float = 1.0) -> Callable[[Any], float]:
    """A finite number in [low, high], multiplied by ``scale``."""

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return float(value) * scale

    return read


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or not value.isprintable():
        raise ValueError("a text of 1 to 200 printable characters")
    return value


def yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return str(value)

    return read


def sector(low_deg: float, high_deg: float, wraps: bool) -> Callable[[Any], tuple[float, float]]:
    """[from, to] in degrees. A sector that wraps may be given as [350, 10] and becomes [350, 370]."""

    def read(value: Any) -> tuple[float, float]:
        wanted = ValueError(f"two numbers [from, to] from {low_deg:g} to {high_deg:g}, from before to")
        if not isinstance(value, list) or len(value) != 2:
            raise wanted
        try:
            start, end = (number(low_deg, high_deg)(v) for v in value)
        except ValueError:
            raise wanted from None
        if wraps and end <= start:
            end += 360.0
        if end <= start:
            raise wanted
        return math.radians(start), math.radians(end)

    return read


def many(read: Callable[[Any], Any], most: int, wanted: str) -> Callable[[Any], tuple[Any, ...]]:
    """A list of 1 to ``most``; one alone may stand without brackets."""

    def read_all(value: Any) -> tuple[Any, ...]:
        values = value if isinstance(value, list) else [value]
        if not 1 <= len(values) <= most:
            raise ValueError(wanted)
        return tuple(read(v) for v in values)

    return read_all


class Lines:
    """Finds the line of a key, so that a fault can say it (the TOML parser of the library does not)."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self._lines = source.splitlines()

    def where(self, table: str, index: int, key: str | None = None) -> str:
        header = re.compile(rf"^\s*\[\[?\s*{re.escape(table)}\s*\]\]?")
        seen, inside, line_of_table = -1, False, 0
        for number_, line in enumerate(self._lines, start=1):
            if header.match(line):
                seen += 1
                inside = seen == index
                line_of_table = number_ if inside else line_of_table
            elif line.lstrip().startswith("["):
                inside = False
            elif inside and key is not None and re.match(rf'^\s*"?{re.escape(key)}"?\s*[=.]', line):
                return f"{self.name}:{number_}: {table}.{key}"
        dot_key = f".{key}" if key else ""
        return f"{self.name}:{line_of_table}: {table}{dot_key}" if line_of_table else f"{self.name}: {table}{dot_key}"


At = Callable[[str | None], str]


def tables(raw: Any, name: str, most: int, lines: Lines, faults: list[Fault]) -> list[tuple[At, Any]]:
    """The tables [[name]] of a site file, each with what says where a key of it is."""
    if not isinstance(raw, list):
        faults.append(Fault(lines.where(name, 0), "a single table", f"[[{name}]], one for each"))
        return []
    if len(raw) > most:
        faults.append(Fault(lines.where(name, most), f"{len(raw)} of them", f"at most {most}"))
        return []

    def place(index: int) -> At:
        return lambda key: lines.where(name, index, key)

    return [(place(k), table) for k, table in enumerate(raw)]


def shown(value: Any) -> str:
    try:
        rendered = repr(value)
    except ValueError:  # Python refuses to write out integers of thousands of digits
        return "an endless number"
    return rendered if len(rendered) <= 60 else rendered[:57] + "..."


def read_table(
    raw: Any, keys: tuple[Key, ...], at: Callable[[str | None], str], faults: list[Fault], extra: bool = False
) -> dict[str, Any]:
    """Read one table by its keys; ``extra`` allows further keys and returns them under 'options'."""
    if not isinstance(raw, Mapping):
        faults.append(Fault(at(None), shown(raw), "a table"))
        return {}
    known = {key.name: key for key in keys}
    out: dict[str, Any] = {"options": {}} if extra else {}
    for name, value in raw.items():
        if name in known:
            try:
                out[known[name].field] = known[name].reads(value)
            except ValueError as wanted:
                faults.append(Fault(at(name), shown(value), str(wanted)))
        elif extra:
            out["options"][name] = value
        else:
            faults.append(Fault(at(name), "an unknown key", "one of " + ", ".join(known)))
    for key in keys:
        if key.required and key.name not in raw:
            faults.append(Fault(at(None), f"no {key.name}", f"{key.name} = …"))
    return out


def built(struct: type[Any], values: dict[str, Any], keys: tuple[Key, ...]) -> Any:
    """The struct, or None where a required key is missing or wrong (already reported)."""
    if any(key.required and key.field not in values for key in keys):
        return None
    return struct(**values)
