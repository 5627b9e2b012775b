"""What goes over the wire, into files or onto the screen is documented, and nothing is documented that is gone."""

import re
import typing
from pathlib import Path

import msgspec
import pytest

from lowsky.errors import LowskyError
from lowsky.feeds.registry import feed_named, feed_names
from lowsky.feeds.transport.source import OPTIONS, SCHEMES
from lowsky.model import events
from lowsky.model.classes import ObjectClass
from lowsky.model.measurement import ATTRIBUTES, TEXTS, Reject
from lowsky.model.output import Output
from lowsky.model.track import TrackStatus
from lowsky.outputs.registry import KINDS

DOCS = Path(__file__).parents[2] / "docs"
HEADINGS = ("what it sends", "what we use", "what we ignore", "limits", "latency", "test data")
STATUSES = ("waiting", "ok", "stale", "degraded", "down")  # of model.status.SensorStatus


def errors_below(kind):
    """Those of the error tree; a module's own, caught inside it, are nobody else's business."""
    own = [sub for sub in kind.__subclasses__() if sub.__module__ == "lowsky.errors"]
    return {kind.__name__} | {name for sub in own for name in errors_below(sub)}


NAMES = {
    "Rejects": {reason.name for reason in Reject},
    "Attributes": set(ATTRIBUTES),
    "Texts": set(TEXTS),
    "Events": {event.__name__ for event in typing.get_args(events.AnyEvent)},
    "Sensor statuses": set(STATUSES),
    "Track statuses": {status.label for status in TrackStatus},
    "Classes": {kind.label for kind in ObjectClass},
    "Sources": {f"{scheme}:" for scheme in SCHEMES},
    "Source options": {name for options in OPTIONS.values() for name in options},
    "Errors": errors_below(LowskyError),
}


def table(text, heading):
    """First cells, in backticks, of the table under a heading."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return set(re.findall(r"^\| `([^`]+)`", section.group(1), re.M)) if section else set()


@pytest.mark.parametrize("heading", NAMES)
def test_the_reference_lists_every_name_and_no_other(heading):
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert table(text, heading) == NAMES[heading]


@pytest.mark.parametrize("name", feed_names())
def test_every_feed_has_a_page_with_the_shared_headings_and_all_its_keys(name):
    page = (DOCS / "feeds" / f"{name}.md").read_text(encoding="utf-8")
    headings = [line.lstrip("# ").lower() for line in page.splitlines() if line.startswith("#")]
    assert [wanted for wanted in HEADINGS if not any(h.startswith(wanted) for h in headings)] == []
    keys = [field.name for field in msgspec.structs.fields(feed_named(name).Config)]
    assert [key for key in keys if f"`{key}`" not in page and f"{key} =" not in page] == []


def section_of(page, kind):
    """From the heading after which ``kind = "…"`` stands first, to the next."""
    sections = re.split(r"^## ", page, flags=re.M)
    return next(section for section in sections[1:] if f'kind = "{kind}"' in section)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_output_is_documented_with_all_its_keys(kind):
    page = (DOCS / "outputs.md").read_text(encoding="utf-8")
    own = section_of(page, kind)
    keys = [field.name for field in msgspec.structs.fields(KINDS[kind].config)]
    assert [key for key in keys if f"`{key}`" not in own] == []
    common = {field.name for field in msgspec.structs.fields(Output)} - {"options"}
    assert [key for key in common if f"\n{key} = " not in page] == []


def test_a_missing_and_a_stale_row_are_seen():
    text = (
        "## Rejects\n\n| name | is |\n| --- | --- |\n| `LATE` | x |\n| `GONE` | y |\n\n## Other\n\n| `NO_TIME` | z |\n"
    )
    assert table(text, "Rejects") == {"LATE", "GONE"}
