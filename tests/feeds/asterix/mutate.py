"""Valid ASTERIX datagrams for the contract tests and the fuzzer: the synthetic ones, of every category and edition."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.feeds.asterix.synthetic import RADAR, T0, radar_turns, station_reports, tracker_updates

T_RECV_NS = (20_000 * 86_400 + int(T0)) * 1_000_000_000  # a noon


def config() -> dict:
    """One area, so that a mutated source code does not make all others strangers; nothing hidden as a duplicate."""
    return {"sac": dict(RADAR)["SAC"], "duplicate_window_s": 0.0}


def messages() -> list[bytes]:
    timed = [*radar_turns(2), *tracker_updates(4), *station_reports(3), *station_reports(2, "0.26")]
    return [datagram for _, datagram in timed]
