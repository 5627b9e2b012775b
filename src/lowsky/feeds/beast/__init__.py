"""Mode S receivers that speak Beast: readsb, dump1090, Mode-S Beast, over TCP or from a file. docs/feeds/beast.md."""

from lowsky.feeds.beast.normalise import MANIFEST, BeastReader, Config, open_feed, read_file

__all__ = ["MANIFEST", "BeastReader", "Config", "open_feed", "read_file"]
