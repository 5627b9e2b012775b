"""What there is to tell when another line of ticks becomes the live one."""

import numpy as np

from lowsky.engine.numbers import taken
from lowsky.model.events import (
    ClaimConsistent,
    ClaimContradicted,
    Event,
    TrackCoasting,
    TrackConfirmed,
    TrackDropped,
    TrackIdentified,
    TrackStarted,
)
from lowsky.model.site import Site
from lowsky.model.track import IdentityState, TrackSnapshot, TrackStatus

CAUSE = "late measurements show it"
CLAIMS: dict[int, type[ClaimConsistent | ClaimContradicted]] = {
    IdentityState.CONSISTENT: ClaimConsistent,
    IdentityState.CONTRADICTED: ClaimContradicted,
}
KNOWN = (TrackStatus.CONFIRMED, TrackStatus.COASTING)


def alive(tracks: TrackSnapshot) -> TrackSnapshot:
    """Without those that just ended."""
    return taken(tracks, np.flatnonzero(tracks.status != TrackStatus.DROPPED))


def changes(before: TrackSnapshot, after: TrackSnapshot, t_ns: int, site: Site) -> list[Event]:
    """How the second picture of one moment differs from the first, as events of now; what is past stays told."""
    events: list[Event] = []
    was = {track_id: k for k, track_id in enumerate(before.track_id.tolist())}
    now = set(after.track_id.tolist())
    for track_id, k in was.items():
        if track_id not in now:
            ended = TrackDropped(
                seq=0, t_event_ns=t_ns, cause="late measurements do not bear it out", track_id=track_id,
                existence=float(before.existence[k]),
            )  # fmt: skip
            events.append(ended)
    for j, track_id in enumerate(after.track_id.tolist()):
        earlier = was.get(track_id)
        if earlier is None:
            sensor = _first_sensor(int(after.sensors[j]), site)
            events.append(TrackStarted(seq=0, t_event_ns=t_ns, cause=CAUSE, track_id=track_id, sensor=sensor))
        events += _of_status(after, j, None if earlier is None else int(before.status[earlier]), t_ns)
        identity = after.identity[j]
        events += _of_claim(after, j, None if earlier is None else int(before.identity_state[earlier]), t_ns)
        if identity is not None and (earlier is None or before.identity[earlier] != identity):
            events.append(TrackIdentified(seq=0, t_event_ns=t_ns, cause=CAUSE, track_id=track_id, identity=identity))
    return events


def _of_status(after: TrackSnapshot, j: int, was: int | None, t_ns: int) -> list[Event]:
    """A track that has only just been heard of is confirmed before it can coast."""
    track_id, status, existence = int(after.track_id[j]), int(after.status[j]), float(after.existence[j])
    told: list[Event] = []
    if status == was or status not in KNOWN:
        return told
    if was not in KNOWN or status == TrackStatus.CONFIRMED:
        told.append(TrackConfirmed(seq=0, t_event_ns=t_ns, cause=CAUSE, track_id=track_id, existence=existence))
    if status == TrackStatus.COASTING:
        told.append(TrackCoasting(seq=0, t_event_ns=t_ns, cause=CAUSE, track_id=track_id))
    return told


def _of_claim(after: TrackSnapshot, j: int, was: int | None, t_ns: int) -> list[Event]:
    state, identity = int(after.identity_state[j]), after.identity[j]
    kind = CLAIMS.get(state)
    if kind is None or state == was or identity is None:
        return []
    reasons = after.texts.get("identity_reason")
    cause = (reasons[j] if reasons is not None else None) or CAUSE
    return [kind(seq=0, t_event_ns=t_ns, cause=cause, track_id=int(after.track_id[j]), identity=identity)]


def _first_sensor(bits: int, site: Site) -> str:
    lowest = (bits & -bits).bit_length() - 1
    return site.sensors[max(lowest, 0)].id
