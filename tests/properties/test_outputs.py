"""Whatever an occurrence holds, what goes out is what its standard says it is."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from tests.capped import assert_valid, composer
from tests.occurrences import OCCURRENCES

from lowsky.outputs.cap.sign import written

COMPOSERS = [
    composer(sensors=True, identities=identities, languages=languages)
    for identities in (False, True)
    for languages in (("en",), ("de", "ko"))
]


@given(OCCURRENCES, st.sampled_from(COMPOSERS))
def test_any_occurrence_is_a_valid_cap_message_or_none(told, by):
    alert = by.message(told)
    if alert is None:
        assert told.change not in ("raised", "raised-higher", "escalated")
        return
    body = written(alert, None)
    assert_valid(body)
    assert len(body) < 40_000
    assert by.message(told) is not alert and written(by.message(told), None) == body
    status = etree.fromstring(body).findtext("{*}status")
    assert status == ("Exercise" if told.is_exercise else "Actual")


@given(OCCURRENCES)
def test_an_occurrence_that_is_never_sent_twice_names_only_what_was_sent(told):
    told = msgspec.structs.replace(told, change="cleared")
    sent = [r for r in told.references if r.change in ("raised", "raised-higher", "escalated", "cleared")]
    alert = COMPOSERS[0].message(told)
    named = "" if alert is None else alert.findtext("{*}references")
    assert len(named.split()) == len(sent)
