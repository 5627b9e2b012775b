"""From measurements to tracks: owns the track table. ``tracker.Tracker`` is the way in."""

from lowsky.track.warm import warm_up

__all__ = ["warm_up"]
