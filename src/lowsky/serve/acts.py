"""What the page sends when a person does something with an alert: parsed strictly, bounded, and only from the page.

Whoever is not asked for by name is refused: a body must be ``application/json``, which another site's form cannot send
without asking first, and we never allow that. Origin and Sec-Fetch-Site are looked at by ``guard``.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from typing import Annotated, Any

import msgspec
from litestar import Request, Response

from lowsky.engine.hub import Controls, Outcome
from lowsky.model.ports import OperatorAction
from lowsky.serve.state import alert_facts
from lowsky.wire.shown import shown

MAX_BODY_BYTES = 4_096
ANSWER_S = 15.0  # a disk that takes longer is one that refuses
MINUTES_AT_MOST = 480
STATUS = {"": 200, "unknown": 404, "stale": 409, "impossible": 409, "busy": 503}

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Seat = Annotated[str, msgspec.Meta(max_length=64)]
Words = Annotated[str, msgspec.Meta(max_length=300)]
Said = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Key = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Minutes = Annotated[int, msgspec.Meta(ge=1, le=MINUTES_AT_MOST)]
Seconds = Annotated[float, msgspec.Meta(ge=0, lt=9e9)]


class _Act(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """``raised`` says which alert is meant beyond its number; ``key`` makes a retry the same act."""

    user: Name
    seat: Seat = ""
    key: Key | None = None
    raised: Seconds | None = None


class Acknowledge(_Act, kw_only=True):
    note: Words = ""


class Shelve(_Act, kw_only=True):
    reason: Said
    minutes: Minutes


class Unshelve(_Act, kw_only=True):
    pass


class Remark(_Act, kw_only=True):
    text: Said


FORMS: dict[str, type[_Act]] = {"acknowledge": Acknowledge, "shelve": Shelve, "unshelve": Unshelve, "note": Remark}


def parsed(what: str, alert_id: int, body: bytes) -> OperatorAction:
    """The action of a body. Raises ``ValueError`` with what is wrong, in one line."""
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"more than {MAX_BODY_BYTES} bytes")
    try:
        form = msgspec.json.decode(body, type=FORMS[what])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(shown(str(error), 200)) from None
    user = cleaned(form.user)
    if not user:
        raise ValueError("`user` says nothing")
    text = {"acknowledge": "note", "shelve": "reason", "note": "text"}.get(what)
    said = cleaned(getattr(form, text)) if text else ""
    if text and what != "acknowledge" and not said:
        raise ValueError(f"`{text}` says nothing")
    return OperatorAction(
        key=form.key or secrets.token_hex(12), t_ns=0, what=what, alert_id=alert_id, user=user, seat=cleaned(form.seat),
        text=said, limit_s=60 * form.minutes if isinstance(form, Shelve) else 0,
        raised_ns=None if form.raised is None else round(form.raised * 1e9),
    )  # fmt: skip


def cleaned(text: str) -> str:
    """On one line, without what cannot be seen: it is recorded, shown to everybody and sent to other systems."""
    return (shown(" ".join(text.split()), 300) or "").strip()


async def act(request: "Request[Any, Any, Any]", controls: Controls, what: str, alert_id: int) -> Response[Any]:
    """One POST."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        return refused(415, "the body has to be application/json")
    body = await read_body(request, MAX_BODY_BYTES)
    if body is None:
        return refused(413, f"more than {MAX_BODY_BYTES} bytes")
    try:
        action = parsed(what, alert_id, body)
    except ValueError as error:
        return refused(400, str(error))
    return await done(controls, action, _facts)


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {"alert": None if outcome.alert is None else alert_facts(outcome.alert)}


async def done(controls: Controls, action: OperatorAction, facts: Callable[[Outcome], dict[str, Any]]) -> Response[Any]:
    """Let the node do it, and say what became of it; ``facts`` are told where it is done."""
    outcome = await _outcome(controls.act(action))
    if outcome is None:
        return refused(504, "the node does not answer; look whether it is done before you ask again")
    if outcome.refused:
        return refused(STATUS[outcome.refused], outcome.detail)
    told = facts(outcome) | {"recorded": outcome.is_recorded}
    if outcome.trouble:
        detail = f"done, but not on disk: {outcome.trouble}"
        return Response(told | {"detail": shown(detail, 300)}, status_code=202)
    return Response(told, status_code=200)


async def read_body(request: "Request[Any, Any, Any]", most_bytes: int) -> bytes | None:
    """At most so much of it; None where there is more."""
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > most_bytes:
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            return None
    return body


async def _outcome(future: "Future[Outcome]") -> Outcome | None:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), ANSWER_S)
    except TimeoutError:
        return None


def refused(status: int, detail: str) -> Response[Any]:
    return Response({"detail": shown(detail, 300)}, status_code=status)
