"""Crash-safe recording of the stream behind ``align``, and reading it again. FORMAT.md is the format."""

from lowsky.record.catalog import Gap
from lowsky.record.reader import Recording, open_recording
from lowsky.record.writer import Recorder, RecordStatus

__all__ = ["Gap", "RecordStatus", "Recorder", "Recording", "open_recording"]
