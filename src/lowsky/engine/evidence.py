"""Keeps the bytes that showed a bug of ours, where they can be run again."""

import hashlib
from pathlib import Path


def save_payload(payload: bytes) -> str:
    """Where they are kept: a file in the working folder, named by its content; "" where nothing can be written."""
    path = Path(f"lowsky-bug-{hashlib.sha256(payload).hexdigest()[:12]}.bin").absolute()
    try:
        path.write_bytes(payload)
    except OSError:
        return ""
    return str(path)
