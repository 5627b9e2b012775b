"""The site file as a bundle holds it: everything that a replay needs, without who is told where."""

import re
import tomllib
from typing import Any

from lowsky.engine.zonefiles import READ

LEFT_OUT = (
    "site.toml: every [[output]] table: who is told, addresses, and the names of files with tokens and keys",
    "files that the site file names: tokens, keys, certificates, templates (zone files' zones are in site.toml)",
)
_HEADER = re.compile(r"^\s*\[\[?\s*([^\]\s.]+)[^\]]*\]\]?\s*(#.*)?$")
_OUTPUT = ("output", '"output"', "'output'")


def without_outputs(site_toml: str) -> str | None:
    """The same text without its outputs; None where that cannot be done for certain (a text of several lines that looks
    like a table)."""
    kept, is_output = [], False
    for line in site_toml.splitlines(keepends=True):
        header = _HEADER.match(line)
        if header is not None:
            is_output = header[1] in _OUTPUT
        if not is_output:
            kept.append(line)
    out = "".join(kept)
    return out if _rest(out) == _rest(site_toml) and "output" not in _tables(out) else None


def _tables(source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(source)
    except (ValueError, RecursionError):
        return {"output": None}


def _rest(source: str) -> dict[str, Any]:
    return {name: value for name, value in _tables(source).items() if name != "output"}


def names_files(site_toml: str) -> bool:
    """Would reading it open a file of this machine? Of a bundle, which may be anybody's, it must not."""
    tables = _tables(site_toml)
    asked, kept = tables.get("zone_file", []), tables.get(READ, {})
    if not isinstance(asked, list) or not isinstance(kept, dict):
        return bool(asked)
    return any(not isinstance(table, dict) or table.get("id") not in kept for table in asked)
