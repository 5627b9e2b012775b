"""Any occurrence at all, for property tests."""

from hypothesis import strategies as st

from lowsky.model.occurrence import CHANGES, IDENTITY_STATES, Check, Occurrence, Reference, Subject
from lowsky.model.zone import PRIORITIES

TEXTS = st.text(st.characters(), max_size=40) | st.sampled_from(
    ["", "<a>&", "]]>", "\x00", "\ud800", "{what}", "T1\n\r\t"]
)
"""Control characters, surrogates, markup."""
NUMBERS = st.none() | st.floats() | st.floats(-4.0, 4.0)
TIMES = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 4 * 10**18)
CHECKS = st.builds(
    Check,
    what=TEXTS | st.sampled_from(["existence", "class drone", "in zone", "enters tower", "within", "enters "]),
    value=NUMBERS | TEXTS,
    needs=NUMBERS,
)
SUBJECTS = st.builds(
    Subject,
    track_id=st.integers(1, 2**40),
    **{
        name: NUMBERS
        for name in Subject.__struct_fields__
        if name.endswith(("_rad", "_m", "_mps")) or name in ("existence", "class_probability")
    },
    class_name=st.sampled_from(["multirotor", "fixed-wing-drone", "drone", "bird", "unknown", "balloon"]) | TEXTS,
    identity=st.none() | TEXTS,
    identity_state=st.sampled_from(IDENTITY_STATES),
    sensors=st.lists(TEXTS, max_size=3).map(tuple),
)
ZONE_IDS = st.lists(st.sampled_from(["tower", "runway", "field"]) | TEXTS, max_size=4).map(tuple)
REFERENCES = st.builds(
    Reference, number=st.integers(1, 10**6), t_ns=TIMES, change=st.sampled_from(CHANGES),
    priority=st.sampled_from(PRIORITIES), zones=ZONE_IDS,
)  # fmt: skip
OCCURRENCES = st.builds(
    Occurrence,
    series=st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=4, max_size=12),
    number=st.integers(1, 10**9),
    t_ns=TIMES, change=st.sampled_from(CHANGES), site=TEXTS, alert_id=st.integers(1, 10**6),
    priority=st.sampled_from(PRIORITIES), title=TEXTS, raised_ns=TIMES, cause=TEXTS, by=st.none() | TEXTS,
    until_ns=st.none() | TIMES, why=TEXTS, checks=st.lists(CHECKS, max_size=5).map(tuple), rule=st.none() | TEXTS,
    zones=ZONE_IDS, sensor=st.none() | TEXTS, subjects=st.lists(SUBJECTS, max_size=4).map(tuple),
    count=st.integers(0, 300), references=st.lists(REFERENCES, max_size=4).map(tuple),
    is_exercise=st.booleans(), is_repeat=st.booleans(),
)  # fmt: skip
