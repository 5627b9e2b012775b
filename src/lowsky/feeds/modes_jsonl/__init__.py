"""Mode S frames as JSON lines, as jet1090 writes them. docs/feeds/modes-jsonl.md."""

from lowsky.feeds.modes_jsonl.normalise import MANIFEST, Config, LineReader, open_feed, read_file

__all__ = ["MANIFEST", "Config", "LineReader", "open_feed", "read_file"]
