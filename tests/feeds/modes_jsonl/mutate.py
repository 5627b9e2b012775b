"""Real messages for the fuzzer: one line each."""

from pathlib import Path

FILE = Path(__file__).parent / "toulouse_60s.jsonl"


def messages() -> list[bytes]:
    return FILE.read_bytes().splitlines(keepends=True)
