"""Tracks against truth: one report, the same figures on a page and in JSON."""

from lowsky.evaluate.report import Report, evaluate

__all__ = ["Report", "evaluate"]
