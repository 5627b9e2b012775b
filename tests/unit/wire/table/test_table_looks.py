"""What a look that waits for more keeps in memory."""

import json
import tracemalloc

from lowsky.model.site import Sensor, Site
from lowsky.wire.table.looks import Looks
from lowsky.wire.table.text import rows_of_lines
from lowsky.wire.table.verdict import judge

PLACE = {"latitude_rad": 0.65, "longitude_rad": 2.2, "height_m": 0.0}
SITE = Site(name="harbour", sensors=(Sensor(id="radar-1", kind="radar", look_period_s=1.0, **PLACE),), **PLACE)


def frame(number):
    """One good row, and one that is refused for 50 kB of text."""
    row = {"time": "2026-11-20T12:00:00Z", "sensor": "radar-1", "look": 1, "range_m": 1000.0 + number}
    refused = {**row, "self_id": f"{number:06d}" * 8_000}
    return [json.dumps(one).encode() for one in ({**row, "self_id": "survey"}, refused)]


def fed(looks, frames):
    for lines in frames:
        rows, _ = rows_of_lines(lines)
        looks.step(rows, judge(rows, SITE))
    return looks


def test_a_look_that_waits_keeps_nothing_of_refused_rows():
    n = 100
    frames = [frame(number) for number in range(n)]
    fed(Looks(SITE, is_live=True), frames[:1]).close()  # compiles
    tracemalloc.start()
    try:
        looks = fed(Looks(SITE, is_live=True), frames)
        kept_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert looks.held == n
    assert kept_bytes < 1_500_000  # the refused text alone is 4.8 MB
    (batch,) = looks.close()
    assert batch.texts["self_id"].names == ("survey",)
