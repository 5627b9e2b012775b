"""Real Remote ID messages for the common fuzzing of all feeds."""

from pathlib import Path

from lowsky.wire.capture import read_packets
from lowsky.wire.remoteid.link import transmissions

HERE = Path(__file__).parent
RECORDINGS = HERE.parents[2] / "src/lowsky/engine/demo/recordings"
CAPTURES = (
    RECORDINGS / "remote_id_wifi_beacon.pcap",
    RECORDINGS / "remote_id_wifi_nan.pcap",
    HERE / "remote_id_bluetooth5.pcapng",
)


def messages() -> list[bytes]:
    """Every different payload of the recordings: single messages and packs, as ``link = "odid"`` takes them."""
    found: dict[bytes, None] = {}
    for path in CAPTURES:
        for packet in read_packets(path.read_bytes()):
            for heard in transmissions(packet):
                found.setdefault(heard.payload)
    return list(found)
