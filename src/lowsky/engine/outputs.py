"""Outputs of the site file: who is told, of what, how. Secrets are named there and read when a node starts."""

import ssl
from collections.abc import Sequence
from typing import Any

from lowsky.engine.keys import Key, Lines, built, many, one_of, read_table, text, yes_or_no
from lowsky.engine.zones import names_of
from lowsky.errors import ConfigError, Fault
from lowsky.model.output import DELIVER, Output
from lowsky.model.site import Site
from lowsky.model.zone import MOST_ZONES, PRIORITIES, Zone, ZoneFile, is_over_api
from lowsky.outputs.options import missing, read_options
from lowsky.outputs.registry import KINDS
from lowsky.outputs.sender import Sender

MOST_OUTPUTS = 50
OUTPUT_KEYS = (
    Key("id", "id", text, required=True),
    Key("kind", "kind", one_of(*sorted(KINDS)), required=True),
    Key("priorities", "priorities", many(one_of(*PRIORITIES), len(PRIORITIES), "some of " + ", ".join(PRIORITIES))),
    Key("zones", "zones", many(text, MOST_ZONES, "ids of zones")),
    Key("deliver", "deliver", one_of(*DELIVER)),
    Key("operator_positions", "operator_positions", yes_or_no),
)


def read_outputs(
    raw: Any, zones: tuple[Zone, ...], files: Sequence[ZoneFile], lines: Lines, faults: list[Fault]
) -> tuple[Output, ...]:
    """[[output]] tables. What they name on this machine is not looked for: a recording is read elsewhere, too."""
    outputs: dict[str, Output] = {}
    meant = names_of(files, zones)
    if not isinstance(raw, list):
        faults.append(Fault(lines.where("output", 0), "a single table", "[[output]], one for each"))
        return ()
    if len(raw) > MOST_OUTPUTS:
        faults.append(Fault(lines.where("output", MOST_OUTPUTS), f"{len(raw)} of them", f"at most {MOST_OUTPUTS}"))
        return ()
    for index, table in enumerate(raw):

        def at(key: str | None, index: int = index) -> str:
            return lines.where("output", index, key)

        values = read_table(table, OUTPUT_KEYS, at, faults, extra=True)
        if "kind" in values:
            kind = KINDS[values["kind"]]
            config, wrong = read_options(kind.config, values["options"])
            beyond = kind.faults(config) if config is not None else []
            # of a table with other faults only what is in it is judged, not what seems to be missing
            wrong += [fault for fault in beyond if not wrong or fault[0] in values["options"]]
            faults += [Fault(at(key), found, right) for key, found, right in wrong]
        asked = values.get("zones", ())
        unknown = [name for name in asked if name not in meant and not is_over_api(name)]
        values |= (
            {"zones": tuple(dict.fromkeys(own for name in asked for own in meant.get(name, (name,))))} if asked else {}
        )
        faults += [Fault(at("zones"), repr(name), "the id of a [[zone]], api or api/NAME") for name in unknown]
        output = built(Output, values, OUTPUT_KEYS)
        if output is not None and output.id in outputs:
            faults.append(Fault(at("id"), f"{output.id!r} again", "an id of its own for each output"))
        if output is not None:
            outputs[output.id] = output
    return tuple(outputs.values())


def config_of(output: Output) -> Any:
    """The kind's own options, which have been checked."""
    return read_options(KINDS[output.kind].config, output.options)[0]


def missing_faults(site: Site, site_toml: str, name: str) -> list[Fault]:
    """Secrets, certificates and other files that outputs need and this machine lacks, at their lines."""
    lines = Lines(name, site_toml)
    return [
        Fault(lines.where("output", index, key), found, right)
        for index, output in enumerate(site.outputs)
        for key, found, right in missing(config_of(output))
    ]


def says(output: Output) -> str:
    """What it will do, in words."""
    return KINDS[output.kind].says(config_of(output))


def open_senders(site: Site) -> list[tuple[Output, Sender]]:
    """All of them; nothing is connected yet. Raises ``ConfigError`` with every file that is not what it should be."""
    senders: list[tuple[Output, Sender]] = []
    faults: list[Fault] = []
    for output in site.outputs:
        try:
            senders.append((output, KINDS[output.kind].opens(config_of(output), output, site)))
        except ConfigError as error:
            faults += error.faults
        except (ssl.SSLError, OSError, KeyError, ValueError) as error:
            faults.append(Fault(f"output {output.id}", str(error) or type(error).__name__, "files as its keys say"))
    if faults:
        raise ConfigError(faults)
    return senders
