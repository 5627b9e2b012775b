"""The recordings that may be read but never copied: beside the checkout, where there are any."""

from pathlib import Path

import pytest

from lowsky.wire.capture import is_capture, read_packets, udp_payload

FOLDER = Path(__file__).parents[4] / "../shared/data/asterix"


def datagrams():
    """{file name: [datagrams]}. Skips the test where the folder is absent."""
    if not FOLDER.is_dir():
        pytest.skip("the evaluate-only ASTERIX recordings (../shared/data/asterix) are not here")
    found = {}
    for path in sorted(path for path in FOLDER.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if is_capture(content):
            found[path.name] = [u[2] for packet in read_packets(content) if (u := udp_payload(packet)) is not None]
        else:
            found[path.name] = [content]
    return found
