"""The page in a real browser (``scenarios.mjs``), each promise a test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests import needs

HERE = Path(__file__).parent
PROMISES = {
    "demo": "in the demo tracks move over zones, one is chosen, time is paused and sought, a killed server is NO DATA",
    "loads": "the page loads without an error, a foreign request or a breach of its policy",
    "moves": "tracks move the way they fly, between frames too, and no further than three seconds",
    "points": "a chevron points along its course",
    "selects": "a click selects, a bearing-only track is never a point",
    "pauses": "pause freezes the display and not the system",
    "stands": "who pauses keeps what is shown, in history too and when the node is started anew",
    "keeps": "buttons and texts stay the same nodes while their values change",
    "bare": "without WebGL and storage the table and the alerts go on",
    "seeks": "one can look back and return",
    "loses": "a killed server is NO DATA within three seconds on every layer, and the page recovers alone",
    "hangs": "an engine that hangs behind a living server is NO DATA too",
    "text": "markup from the air stays text",
    "themes": "a theme switch keeps tracks and map",
    "keys": "everything can be reached and done by keyboard",
    "scenes": "another scene starts anew and says whether it is recorded",
    "desk": "an alert acknowledged on one page is seen on a second, and shelved with reason and limit by keyboard too",
    "flood": "in a flood low alerts are one row, and none is lost",
    "sound": "high alerts sound until they are acknowledged, and SOUND OFF is said plainly",
    "phone": "a phone shows the map above the alerts",
    "webgl": "symbols can be drawn by WebGL",
    "empty": "no tracks and no data do not look alike",
}


def missing() -> str | None:
    if not Path(os.environ.get("CHROMIUM", "/usr/bin/chromium")).exists():
        return "chromium is not installed"
    if not (HERE / "node_modules" / "playwright-core").is_dir():
        return "playwright-core is not installed"
    return None


@pytest.fixture(scope="session")
def browser_tools():
    needs.program("node")
    if why := missing():
        needs.lacks_peer(why)


@pytest.mark.browser
@pytest.mark.parametrize("scenario", PROMISES, ids=lambda name: PROMISES[name].replace(" ", "_"))
def test_page(scenario, browser_tools):
    run = subprocess.run(
        ["node", str(HERE / "scenarios.mjs"), scenario, sys.executable],
        capture_output=True,
        text=True,
        timeout=270,  # the demo may have to compile first
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4000:]


def test_every_scenario_is_a_promise(browser_tools):
    run = subprocess.run(["node", str(HERE / "scenarios.mjs")], capture_output=True, text=True, timeout=60, check=False)
    assert set(run.stdout.split()) == set(PROMISES)
