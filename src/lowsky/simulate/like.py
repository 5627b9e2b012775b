"""``like = "…"``: sets of keys that many scenarios share (``presets/``), beneath the keys of the file itself."""

import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any

from lowsky.errors import Fault

FILES = {"sensor": "sensors.toml", "target": "targets.toml"}


def presets(table: str) -> dict[str, dict[str, Any]]:
    """The sets for ``sensor`` or ``target``, by name."""
    folder = resources.files("lowsky.simulate") / "presets"
    return tomllib.loads((folder / FILES[table]).read_text(encoding="utf-8"))


def filled(raw: dict[str, Any], name: str) -> Iterator[Fault]:
    """Put what each table is ``like`` beneath its own keys, in place; faults where there is no such set."""
    for table in FILES:
        tables = raw.get(table)
        if not isinstance(tables, list):
            continue
        for index, own in enumerate(tables):
            if not isinstance(own, dict) or "like" not in own:
                continue
            sets = presets(table)
            if not isinstance(own["like"], str) or own["like"] not in sets:
                where = f"{name}: {table}[{index}].like"
                yield Fault(where, repr(own["like"])[:60], "one of " + ", ".join(sorted(sets)))
                continue
            tables[index] = _over(sets[own["like"]], own)


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Tables are filled key by key, but a table of another ``kind`` is another one, and ``says`` is one answer."""
    out = dict(below)
    for key, value in above.items():
        under = out.get(key)
        same = (
            isinstance(under, dict)
            and isinstance(value, dict)
            and value.get("kind", under.get("kind")) == under.get("kind")
        )
        out[key] = _over(under, value) if same and key != "says" else value  # type: ignore[arg-type]
    return out
