"""What a message says, in the languages of the table messages.toml and of the site's own file.

A template is filled by name only, in one pass: what came over the air can neither be a template nor reach one.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from lowsky.outputs.sender import Wrong

BRACES = re.compile(r"\{(\w+)\}")
MOST_CHARACTERS = 2000  # of one template
DEFAULT_LANGUAGE = "en"
LANGUAGE_TAG = re.compile(r"^[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*$")  # xs:language

FILLED_IN: dict[str, set[str]] = {
    "exercise": {"headline"},
    "headline": {"what", "place"},
    "place": {"zones"},
    "several": {"count", "what"},
    "line.object": {"what", "percent"},
    "line.position": {"latitude", "longitude", "radius", "time"},
    "line.height": {"height"},
    "line.motion": {"direction", "speed"},
    "line.arrival": {"zone", "seconds", "percent"},
    "line.identity": {"identity"},
    "line.sensors": {"count"},
    "line.sensor": {"sensor"},
}
"""The words that each template may have in braces; the others have none."""


def filled(template: str, **values: str) -> str:
    return BRACES.sub(lambda found: values.get(found[1], found[0]), template)


@cache
def shipped() -> dict[str, dict[str, Any]]:
    source = files("lowsky.outputs.cap").joinpath("messages.toml").read_text(encoding="utf-8")
    return tomllib.loads(source)


def languages_of(own: str | None) -> tuple[dict[str, dict[str, Any]], list[Wrong]]:
    """All languages with the text of a site's own file laid over them, and what is wrong with that file.

    A language that lowsky does not have takes what it leaves out from English.
    """
    known = {name: _copy(texts) for name, texts in shipped().items()}
    if own is None:
        return known, []
    try:
        raw = tomllib.loads(own)
    except (ValueError, RecursionError) as error:
        return known, [("messages_file", str(error), "TOML (https://toml.io)")]
    wrong: list[Wrong] = []
    for name, texts in raw.items():
        if not LANGUAGE_TAG.match(name):
            wrong.append(("messages_file", f"[{name[:40]}]", "a language such as [nb] or [pt-BR]"))
            continue
        over = known.setdefault(name, _copy(shipped()[DEFAULT_LANGUAGE]) | {"language": name})
        _lay_over(over, texts, name, "", wrong)
    return known, wrong


def _copy(texts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: dict(value) if isinstance(value, dict) else value for key, value in texts.items()}


def _lay_over(known: dict[str, Any], own: Any, at: str, group: str, wrong: list[Wrong]) -> None:
    if not isinstance(own, dict):
        wrong.append(("messages_file", f"{at} = {str(own)[:40]!r}", "a table"))
        return
    for key, value in own.items():
        place, path = f"{at}.{key}", f"{group}.{key}" if group else key
        if key not in known:
            wrong.append(("messages_file", place, "one of " + ", ".join(known)))
        elif isinstance(known[key], dict):
            _lay_over(known[key], value, place, path, wrong)
        elif isinstance(known[key], list):
            if not (isinstance(value, list) and len(value) == 8 and all(isinstance(v, str) for v in value)):
                wrong.append(("messages_file", place, "eight texts, clockwise from north"))
            else:
                known[key] = value
        elif not isinstance(value, str) or not value.strip() or len(value) > MOST_CHARACTERS:
            wrong.append(("messages_file", place, f"a text of 1 to {MOST_CHARACTERS} characters"))
        else:
            wrong += _unfillable(value, place, path)
            known[key] = value


def _unfillable(value: str, place: str, path: str) -> list[Wrong]:
    may = FILLED_IN.get(path, FILLED_IN.get(path.partition(".")[0], set()))
    extra = sorted(set(BRACES.findall(value)) - may)
    wanted = ", ".join(f"{{{word}}}" for word in sorted(may)) or "no words in braces"
    return [("messages_file", f"{place} with {{{word}}}", wanted) for word in extra]
