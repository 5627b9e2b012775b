"""GIVEN a node that records WHEN it is killed without warning THEN nothing acknowledged is lost, and it goes on."""

import random
import shutil
import time

import pytest

from lowsky.engine.config import parse_site
from lowsky.engine.keeper import Keeper
from lowsky.engine.player import events_of
from lowsky.errors import RecordError
from lowsky.model.events import TrackStarted
from lowsky.record.reader import open_recording
from tests.scenarios.node.harness import (
    REPEAT,
    Node,
    Plots,
    Reports,
    Talk,
    feed,
    free_port,
    radar,
    receiver,
    site_text,
    wait_for,
)

pytestmark = pytest.mark.timeout(400)

ACKNOWLEDGED_S = 10.0  # durable "within about a second" on a disk of its own; the test shares its machine


def readable_until_ns(folder):
    """What a reader of the growing recording sees: that much has been acknowledged."""
    try:
        span = open_recording(folder).span_ns
    except RecordError:
        return 0
    return span[1] if span else 0


def confirmed(node):
    """Confirmed tracks: identity, or else the place to 0.01° (the drones hover, kilometres apart) -> number."""
    named = {}
    for track in node.tracks():
        if track["status"] in ("confirmed", "coasting") and track["at"] is not None:
            place = tuple(round(degrees, 2) for degrees in track["at"]["coordinates"][:2])
            named[track["identity"] or place] = track["track_id"]
    return named


def number_of(node, identity):
    return next((track["track_id"] for track in node.tracks() if track["identity"] == identity), None)


def pipelines(folder, copy):
    """What the next start would restore, and what a replay of all there is comes to."""
    shutil.copytree(folder, copy)
    recording = open_recording(copy)
    site = parse_site(recording.site_toml)
    *_, (_, _, replayed) = events_of(recording, site)
    keeper = Keeper(copy, recording.site_toml)
    restored = keeper.restored_pipeline(site)
    keeper.close(restored)
    return restored, replayed


def numbers_given_out(folder):
    recording = open_recording(folder)
    site = parse_site(recording.site_toml)
    return [e.track_id for _, events, _ in events_of(recording, site) for e in events if isinstance(e, TrackStarted)]


def two_sources():
    plots, reports = Plots("radar-1", free_port()), Reports("adsb-1", free_port())
    site = site_text(radar("radar-1"), receiver("adsb-1"), feed("radar-1", plots.port), feed("adsb-1", reports.port))
    return plots, reports, site


@pytest.mark.parametrize("seed", range(REPEAT))
def test_a_killed_node_has_kept_what_it_acknowledged_and_goes_on_with_the_same_tracks(tmp_path, seed):
    draw = random.Random(seed)
    folder = tmp_path / "recording"
    plots, reports, site = two_sources()
    with Talk(plots, reports):
        # given a node with two drones and two aircraft in its picture
        with Node(tmp_path, site, record=folder) as node:
            node.wait_until_it_runs()
            before = wait_for(lambda: len(found := confirmed(node)) == 4 and found, "four confirmed tracks")
            time.sleep(draw.uniform(0.0, 4.0))
            # and a third aircraft that has only just been shown, too late to be on the disk
            reports.identities = (*reports.identities, "b00001")
            shown = wait_for(lambda: number_of(node, "b00001"), "the third aircraft")
            acknowledged_ns = readable_until_ns(folder)
            # when it is killed while data flows
            killed_ns = time.time_ns()
            node.kill()
        reports.identities = reports.identities[:2]
        # then all that was acknowledged can be read, and nothing between is missing
        recording = open_recording(folder)
        looks = [t.batch.look for t in recording.ticks() if t.batch is not None and t.batch.sensor == "radar-1"]
        assert (recording.faults, recording.gaps) == ([], [])
        assert recording.span_ns[1] >= max(acknowledged_ns, killed_ns - int(ACKNOWLEDGED_S * 1e9))
        assert looks == list(range(looks[0], looks[0] + len(looks)))
        # and what a start restores is what a replay of the whole comes to
        restored, replayed = pipelines(folder, tmp_path / "copy")
        assert restored.dump() == replayed.dump()
        # when it is started again
        with Node(tmp_path, site, record=folder) as node:
            wait_for(lambda: before.items() <= confirmed(node).items(), "the same objects with the same numbers", 120.0)
            # then an aircraft that is new gets a number that nobody ever saw
            reports.identities = (*reports.identities, "b00002")
            new = wait_for(lambda: number_of(node, "b00002"), "another aircraft")
            assert new not in {*before.values(), shown}
            assert node.end() == 0
    given_out = numbers_given_out(folder)
    assert len(set(given_out)) == len(given_out)
