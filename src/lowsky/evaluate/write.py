"""Output files appear whole or not at all."""

from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Written beside its place, then renamed. Raises ``OSError``."""
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
