"""The result of a call from the console: its answer, and what it says of each receiver, as pages and JSON show it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from esb.core import json_codec
from esb.core.errors import template
from esb.portal.loopback import GatewayAnswer

MOST_TEXT = 100_000
"""Characters of an answer that a page shows."""
MOST_RECEIVERS = 200
"""Receivers that a page lists."""
MOST_PREVIEWS = 5
"""Requests that would have been sent, as many as a page shows; the answer has them all."""
MEANINGS = {
    "token": template("The platform does not accept the gateway's access token."),
    "busy": template("The platform is busy, or could not be reached."),
    "quota": template("Too much was sent for now."),
    "receiver": template("This receiver cannot be reached."),
    "message": template("The message is not as it has to be."),
    "config": template("The gateway's credential, its rights or its settings are wrong."),
    "unknown": template("Nobody has written down what this code means."),
}
"""Class of a failure -> what it means."""
PREVIEWED, ACCEPTED, FAILED, UNKNOWN = (
    template("would be sent"), template("accepted"), template("failed"), template("unknown"),
)  # fmt: skip
"""Fates of a receiver."""
SHOWN_HEADERS = ("Content-Type", "Location", "Preference-Applied", "X-Bkapi-Request-Id", "Retry-After")


def result(answer: GatewayAnswer) -> dict[str, Any]:
    """Return what is known of a call that was answered."""
    envelope = _envelope(answer)
    data = envelope.get("data") if envelope else None
    told = data if isinstance(data, dict) else {}
    receivers = [*_receivers(told)]
    delivery = told.get("delivery")
    return {
        "status": answer.status,
        "seconds": round(answer.seconds, 3),
        "headers": {name: answer.headers[name] for name in SHOWN_HEADERS if name in answer.headers},
        "ok": envelope.get("result") is True if envelope else answer.status < 400,
        "message": _text_of(envelope.get("message")) if envelope else "",
        "code": envelope.get("code") if envelope else None,
        "answer": envelope,
        "text": "" if envelope else _text(answer),
        "is_cut": answer.is_cut,
        "dry_run": told.get("dry_run") is True,
        "replayed": told.get("replayed") is True,
        "receivers": receivers[:MOST_RECEIVERS],
        "previews": _previews(told)[:MOST_PREVIEWS],
        "more_receivers": max(0, len(receivers) - MOST_RECEIVERS),
        "warnings": [_texts(each, "field", "what") for each in _list(told, "warnings") if isinstance(each, dict)],
        "hint": _text_of(told.get("hint")),
        "msgids": [str(each) for each in _list(told, "msgids")],
        "delivery": _texts(delivery, "id", "state", "due", "expires") if isinstance(delivery, dict) else None,
    }


def shown_answer(told: Mapping[str, Any]) -> str:
    """Return an answer as a page shows it, cut where it is longer than a page can be."""
    text = told["text"] if told["answer"] is None else json.dumps(told["answer"], ensure_ascii=False, indent=2)
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}\n…"


def _envelope(answer: GatewayAnswer) -> dict[str, Any] | None:
    try:
        value = json_codec.decode_lenient(answer.body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _text(answer: GatewayAnswer) -> str:
    """Return a body that is no JSON object; of one that is no text, how long it is."""
    try:
        return answer.body.decode()
    except UnicodeDecodeError:
        return f"({len(answer.body)} bytes)"


def _receivers(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the fate of each receiver: those who need looking at first."""
    for each in _list(data, "failed"):
        if isinstance(each, dict):
            told = _texts(each, "receiver", "errmsg", "class", "hint")
            code, again = each.get("errcode"), each.get("retry_after")
            meaning = MEANINGS.get(told["class"], "")
            yield {**told, "fate": FAILED, "errcode": code, "retry_after": again, "meaning": meaning}
    for fate, key in ((UNKNOWN, "unknown"), (ACCEPTED, "accepted")):
        yield from (_fate(each, fate) for each in _list(data, key))
    named = (each for message in _previews(data) for each in _list(message, "receivers"))
    yield from (_fate(each, PREVIEWED) for each in dict.fromkeys(map(_text_of, named)))


def _fate(receiver: Any, fate: str) -> dict[str, Any]:
    texts = dict.fromkeys(("errmsg", "class", "hint", "meaning"), "")
    return {**texts, "receiver": _text_of(receiver), "fate": fate, "errcode": None, "retry_after": None}


def _previews(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the requests that would have been sent, of a dry run."""
    messages = _list(data, "messages") if data.get("dry_run") is True else ()
    return [{"endpoint": "", "body": None, **each} for each in messages if isinstance(each, dict)]


def _list(data: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = data.get(key)
    return value if isinstance(value, list) else ()


def _texts(told: Mapping[str, Any], *keys: str) -> dict[str, str]:
    """Return what stands under these keys as texts, "" for what is not there."""
    return {key: _text_of(told.get(key)) for key in keys}


def _text_of(value: Any) -> str:
    return "" if value is None else str(value)
