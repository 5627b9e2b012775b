"""The recordings that may be read but never copied: beside the checkout, where there are any."""

from pathlib import Path

from tests import needs

from lowsky.wire.capture import is_capture, read_packets, udp_payload


def folder() -> Path:
    """Where they lie. Skips the test where they do not."""
    return needs.recording("asterix")


def datagrams():
    """{file name: [datagrams]}. Skips the test where the folder is absent."""
    found = {}
    for path in sorted(path for path in folder().rglob("*") if path.is_file()):
        content = path.read_bytes()
        if is_capture(content):
            found[path.name] = [u[2] for packet in read_packets(content) if (u := udp_payload(packet)) is not None]
        else:
            found[path.name] = [content]
    return found
