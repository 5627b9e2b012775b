"""The keys of one kind of output: read strictly, all faults at once; secrets by file or environment only."""

import os
import typing
from pathlib import Path
from typing import Any

import msgspec

from lowsky.outputs.sender import Wrong

SECRET_WORDS = ("secret", "password", "token", "key")
MOST_BYTES = 1 << 20  # of a file with a secret, a certificate, a template


def read_options(config: type[msgspec.Struct], raw: dict[str, Any]) -> tuple[Any, list[Wrong]]:
    """The struct of what could be read, and what is wrong, key by key. None where something needed is missing."""
    kinds = typing.get_type_hints(config, include_extras=True)
    wrong: list[Wrong] = []
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name not in kinds:
            wrong.append((name, "an unknown key", _instead(name, kinds)))
            continue
        try:
            values[name] = msgspec.convert(value, kinds[name])
        except msgspec.ValidationError as error:
            wrong.append((name, _shown(name, value), str(error).removeprefix("Expected ").replace("`", "")))
    for field in msgspec.structs.fields(config):
        if field.required and field.name not in raw:
            wrong.append((None, f"no {field.name}", f"{field.name} = …"))
    for name in values:
        if name.endswith("_file") and name.removesuffix("_file") + "_env" in values:
            both = name.removesuffix("_file")
            wrong.append((name, f"{both}_file and {both}_env", "one of them"))
    needed = {field.name for field in msgspec.structs.fields(config) if field.required}
    return (config(**values) if needed <= values.keys() else None), wrong


def _instead(name: str, kinds: dict[str, Any]) -> str:
    if f"{name}_file" in kinds:
        return f"{name}_file = … or {name}_env = …: no secret stands in a site file"
    return "one of " + ", ".join(kinds)


def _shown(name: str, value: Any) -> str:
    if any(word in name for word in SECRET_WORDS):
        return "a wrong value"
    try:
        rendered = repr(value)
    except ValueError:  # Python refuses to write out integers of thousands of digits
        return "an endless number"
    return rendered if len(rendered) <= 60 else rendered[:57] + "..."


def missing(config: msgspec.Struct) -> list[Wrong]:
    """Files and environment variables that the options name and this machine lacks."""
    wrong: list[Wrong] = []
    for field in msgspec.structs.fields(config):
        value = getattr(config, field.name)
        if value is None or not isinstance(value, str):
            continue
        if field.name.endswith("_env") and not os.environ.get(value):
            wrong.append((field.name, f"{value}, which is not set", "an environment variable of this process"))
        elif field.name.endswith("_file"):
            try:
                _bytes_of(value)
            except OSError as error:
                wrong.append((field.name, f"{value}: {error.strerror or error}", "a readable file"))
    return wrong


def secret(config: msgspec.Struct, name: str) -> str | None:
    """What NAME_file or NAME_env holds, without the line's end. None where neither is given. ``OSError``, ``KeyError``
    and ``UnicodeDecodeError`` where it has gone since ``missing`` looked."""
    path, variable = getattr(config, f"{name}_file", None), getattr(config, f"{name}_env", None)
    if path is not None:
        return _bytes_of(path).decode("utf-8").rstrip("\r\n")
    return None if variable is None else os.environ[variable]


def _bytes_of(path: str) -> bytes:
    with Path(path).open("rb") as file:
        found = file.read(MOST_BYTES + 1)
    if len(found) > MOST_BYTES:
        raise OSError(27, "more than 1 MiB")
    return found
