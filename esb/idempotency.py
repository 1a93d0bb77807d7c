"""A repeated call gets the first one's answer: what the header Idempotency-Key (or a parameter of its name) promises.

It stands innermost in the chain of every component that sends, behind authentication, so that a key is one app's own.
An answer is remembered only if a message may have left; otherwise the repetition is a first try.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from esb import codec
from esb.call import Call, Options
from esb.component import Envelope
from esb.errors import EsbError, Message, RequestError, UpstreamError
from esb.fields import switched_on
from esb.middleware import Handler
from esb.store import Store

REMEMBERED_SECONDS = 24 * 3600.0
LONGEST_KEY = 255
NOT_COMPARED = frozenset({"idempotency_key", "dry_run", "bk_app_code", "app_code", "bk_username", "username"})
"""Parameters that may differ between a call and its repetition. Secrets are no arguments at all."""
ASKING = frozenset({"idempotency_key", "dry_run"})
"""Parameters that ask something of the gateway itself."""
ORDINARY = Options()


class Idempotency:
    """A middleware for components that send."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: dict[str, tuple[str, asyncio.Future[None]]] = {}

    async def __call__(self, call: Call, handler: Handler) -> Any:
        if call.options == ORDINARY and call.args.keys().isdisjoint(ASKING):
            return await handler(call)
        call = replace(call, options=_options(call))
        key = call.options.idempotency_key
        if not key or call.options.dry_run:
            return await handler(call)
        place, content = _place(call, key), _content(call)
        while True:
            kept = await self._store.get(place)
            if kept is not None:
                return _replayed(kept.value, content)
            running = self._running.get(place)
            if running is None:
                return await self._first(place, content, call, handler)
            if running[0] != content:
                raise _other_content()
            await asyncio.shield(running[1])

    async def _first(self, place: str, content: str, call: Call, handler: Handler) -> Any:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running[place] = (content, done)
        try:
            return await self._remembered(place, content, call, handler)
        finally:
            del self._running[place]
            done.set_result(None)

    async def _remembered(self, place: str, content: str, call: Call, handler: Handler) -> Any:
        try:
            answer = await handler(call)
        except EsbError as error:
            await self._keep(call, place, content, _failure(error))
            raise
        except asyncio.CancelledError:
            await self._keep(call, place, content, _failure(_cut_off(call)))
            raise
        await self._keep(call, place, content, {"result": True, "code": 0, "message": "OK", "data": answer})
        return answer

    async def _keep(self, call: Call, place: str, content: str, envelope: Mapping[str, Any]) -> None:
        if call.record.sent:
            value = codec.encode({"content": content, "envelope": _plain(envelope)})
            await self._store.put(place, value, REMEMBERED_SECONDS)


def _options(call: Call) -> Options:
    """What a caller asks for by header, or else by parameter."""
    key = call.options.idempotency_key or call.args.get("idempotency_key") or None
    if key is not None and (not isinstance(key, str | int) or len(str(key)) > LONGEST_KEY):
        raise RequestError("Parameters error, idempotency_key must be a string of at most {most} characters", most=255)
    dry_run = call.options.dry_run or switched_on(call.args.get("dry_run"))
    return replace(call.options, dry_run=dry_run, idempotency_key=None if key is None else str(key))


def _place(call: Call, key: str) -> str:
    app = call.app.code if call.app is not None else ""
    return f"idempotency:{app}:{call.component}:{hashlib.sha256(key.encode()).hexdigest()}"


def _content(call: Call) -> str:
    """What a repetition must have in common with the first call, as a digest."""
    arguments = {name: value for name, value in call.args.items() if name not in NOT_COMPARED}
    text = json.dumps([arguments, dict(call.path_vars), call.options.test_env], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _replayed(value: bytes, content: str) -> Envelope:
    kept = codec.decode(value)
    if kept["content"] != content:
        raise _other_content()
    envelope = _lively(kept["envelope"])
    data = envelope["data"]
    envelope["data"] = {**data, "replayed": True} if isinstance(data, dict) else {"replayed": True}
    return Envelope(envelope)


def _other_content() -> RequestError:
    return RequestError("Parameters error, this idempotency key was used for a call with other parameters")


def _cut_off(call: Call) -> UpstreamError:
    """What a repetition is told about a call that was cut off in the middle."""
    system, _, interface = call.component.partition(".")
    return UpstreamError(
        system,
        interface,
        Message("Third-party system interface response time exceeds {seconds:g} seconds", {"seconds": call.timeout}),
        data={"outcome": "unknown"},
    )


def _failure(error: EsbError) -> dict[str, Any]:
    return {"result": False, "code": error.code, "message": error.message, "data": error.data}


MESSAGE = "$message"


def _plain(value: Any) -> Any:
    """JSON that still knows which texts are templates: the repetition may come in another language."""
    if isinstance(value, Message):
        return {MESSAGE: [value.template, _plain(value.values)]}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _lively(value: Any) -> Any:
    """What `_plain` was given."""
    if isinstance(value, dict):
        if value.keys() == {MESSAGE}:
            template, values = value[MESSAGE]
            return Message(template, _lively(values))
        return {name: _lively(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_lively(item) for item in value]
    return value
