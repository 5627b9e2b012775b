"""The pages of the two Mode S feeds say what the code does."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from lowsky.feeds import beast, modes_jsonl
from lowsky.model.measurement import Reject
from lowsky.wire.adsb import follow, receiver

DOCS = Path(__file__).parents[3] / "docs/feeds"
PAGES = [(beast, (DOCS / "beast.md").read_text("utf-8")), (modes_jsonl, (DOCS / "modes-jsonl.md").read_text("utf-8"))]
HEADINGS = ["What it sends", "What we use", "What we ignore and why", "Limits", "Latency", "Test data"]


@pytest.mark.parametrize(("feed", "page"), PAGES)
def test_a_page_has_the_headings_all_feeds_share_and_examples_that_hold(feed, page):
    found = [h for h in re.findall(r"^## (.*)$", page, re.MULTILINE) if h in HEADINGS]
    assert found == HEADINGS
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert examples
    for example in examples:
        for entry in tomllib.loads(example)["feed"]:
            assert entry["format"] == feed.MANIFEST.name
            assert entry["source"].partition(":")[0] in feed.MANIFEST.sources
            msgspec.convert({k: v for k, v in entry.items() if k not in ("sensor", "format", "source")}, feed.Config)


@pytest.mark.parametrize(
    "reason",
    ["NO_POSITION", "OUT_OF_RANGE", "DUPLICATE", "NOT_A_MEASUREMENT", "BAD_CHECKSUM", "TRUNCATED", "UNSUPPORTED",
     "MALFORMED", "UNPAIRED"],
)  # fmt: skip
def test_every_reason_to_reject_is_explained(reason):
    assert reason in Reject.__members__
    assert reason in PAGES[0][1]


@pytest.mark.parametrize(
    "text",
    [
        f"at most {follow.MAX_PAIR_S:.0f} s (on the ground {follow.MAX_GROUND_PAIR_S:.0f} s)",
        f"{follow.MAX_AIR_SPEED_MPS:.0f} m/s allow ({follow.MAX_GROUND_SPEED_MPS:.0f} m/s on the ground)",
        f"at most {follow.MAX_FIX_AGE_S:.0f} s old",
        f"within {follow.REPEAT_S} s",
        f"for {follow.QUALITY_AGE_S:.0f} s",
        f"within {follow.DIFFERENCE_AGE_S:.0f} s",
        f"never under {follow.SIGMA_FLOOR_M:.0f} m",
        f"barometric {follow.SIGMA_BAROMETRIC_RATE_MPS} m/s",
        f"({receiver.HEARING_M / 1000:.0f} km where absent",
        f"({receiver.SIGMA_POSITION_M:.0f} m where absent)",
        f"remembered: {receiver.MAX_SENDERS:,}",
    ],
)
def test_the_numbers_of_the_page_are_those_of_the_code(text):
    assert text in " ".join(PAGES[0][1].split())
