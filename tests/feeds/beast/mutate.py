"""Real messages for the fuzzer: one whole Beast frame each, every format of the excerpt."""

from pathlib import Path

from lowsky.wire.adsb.beast import encode, split

FILE = Path(__file__).parent / "helsinki_60s.bin"


def messages() -> list[bytes]:
    found = split(FILE.read_bytes())
    return [
        encode(counter, level, bytes(payload[:length]))
        for length, counter, level, payload in zip(
            found.length.tolist(), found.counter.tolist(), found.level.tolist(), found.payload, strict=True
        )
    ]
