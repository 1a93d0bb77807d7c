"""The promises of a component that sends, checked: against a real gateway, and a stand-in vendor that misbehaves."""

import io
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from esb.channels.config_secrets import secrets_of
from esb.gateway.app import GATEWAY, create_app
from esb.server.listener import listening
from esb.testing.gateway import CallComponent, Gateway, Gateways, listeners_of
from esb.testing.secrets import SHORTEST, assert_no_secrets
from esb.testing.upstream import Received, Upstream

SECONDS = 2.0
"""The time of a call while the stand-in vendor keeps it waiting."""
DRY_RUN = (
    "With call.options.dry_run send nothing, ask nobody, and return what would be sent, with `dry_run` true; "
    "and set `sends = True`"
)
REPEATED = (
    "Set `sends = True`, and say Target(…, sends=True) of what carries the message; who sends by another way than "
    "services.http sets call.record.sent = True as soon as a message may have left"
)
IN_DOUBT = (
    "Let the UpstreamError of services.http pass, and do not try again: nobody knows whether the message has arrived"
)
STATUS = "Let the error of services.http.json pass, or look at the status that services.http.request returns"
HIDE = "Keep secrets as SecretStr, put none into an answer, and take them out of what the vendor says"


async def assert_keeps_promises(
    call: CallComponent, upstream: Upstream, params: Mapping[str, Any], *, secrets: Sequence[str] = ()
) -> None:
    """Fail if the component breaks a promise of sending when it is called with these parameters, and say which.

    `call` is the fixture, with a gateway open around the component, or `call` of a gateway; `upstream` is the vendor,
    which accepts the message as far as the test has said what it answers. `secrets` must not get out, nor those of the
    component's config. Each promise is checked with a gateway of its own, of the same configuration.

    - A dry run sends nothing, asks nobody, and says `dry_run`.
    - A repetition with the same idempotency key sends nothing, whether the first call succeeded or is in doubt.
    - HTTP status 500, and a time-out, are told: no success, not sent again, and for the time-out `unknown`.
    - No secret stands in an answer, an event, the log or the metrics, even if the vendor repeats what it got.
    """
    __tracebackhide__ = True
    promises = _Promises(_opened_by(call), upstream, params, secrets)
    await promises.dry_run()
    await promises.repetition()
    await promises.trouble()
    await promises.time_out()
    await promises.echo()


def _opened_by(call: CallComponent) -> Gateway:
    owner = getattr(call, "__self__", None)
    if isinstance(owner, Gateways) and owner.opened:
        return owner.opened[-1]
    if isinstance(owner, Gateway):
        return owner
    raise RuntimeError("open a gateway first, and pass the fixture `call`: await gateway(...)")


@dataclass
class _Promises:
    """The checks of one component. Each raises AssertionError with the promise, and how to mend it."""

    opened: Gateway
    upstream: Upstream
    params: Mapping[str, Any]
    more_secrets: Sequence[str]

    async def dry_run(self) -> None:
        __tracebackhide__ = True
        async with self._fresh("a dry run") as gateway:
            before = len(self.upstream.requests)
            answer = await gateway.call(self.params, dry_run=True)
        if asked := self._since(before):
            raise _broken(f"a dry run asked the vendor: {_told(asked)}", DRY_RUN)
        if answer.get("result") is not True or not _data(answer).get("dry_run"):
            raise _broken(f"a dry run is not answered as one: {_short(answer)}", DRY_RUN)

    async def repetition(self) -> None:
        __tracebackhide__ = True
        async with self._fresh("a message that was accepted") as gateway:
            key, before = uuid.uuid4().hex, len(self.upstream.requests)
            first = await gateway.call(self.params, idempotency_key=key)
            asked, before = self._since(before), len(self.upstream.requests)
            if first.get("result") is not True or not asked:
                raise AssertionError(
                    f"the call has to send and to succeed before its promises can be checked: {_short(first)}, after "
                    f"{_told(asked) or 'no request'}. Say with upstream.answers(...) how the vendor accepts a message."
                )
            again = await gateway.call(self.params, idempotency_key=key)
        self._check_repetition(before, "after it succeeded")
        if again.get("result") is not True:
            raise _broken(f"a repetition is answered otherwise than the call: {_short(again)}", REPEATED)

    async def trouble(self) -> None:
        __tracebackhide__ = True
        body = f"out of order {' '.join(self._secrets())}"
        with self.upstream.for_now():
            answer = await self._in_trouble("HTTP status 500", lambda: self.upstream.answers(body, status=500))
        if answer.get("result") is not False:
            raise _broken(f"HTTP status 500 was told as a success: {_short(answer)}", STATUS)

    async def time_out(self) -> None:
        __tracebackhide__ = True
        with self.upstream.for_now():
            answer = await self._in_trouble("a time-out", self.upstream.hangs)
        data = _data(answer)
        if answer.get("result") is not False or not (data.get("unknown") or data.get("outcome") == "unknown"):
            raise _broken(f"a time-out was not told as unknown: {_short(answer)}", IN_DOUBT)

    async def echo(self) -> None:
        __tracebackhide__ = True
        async with self._fresh("a refusal in which the vendor repeats what it got") as gateway:
            before = len(self.upstream.requests)
            await gateway.call(self.params)
            got = "\n".join(map(_text, self.upstream.requests[before:]))
            said = " ".join(["invalid", *(secret for secret in self._secrets() if secret in got)])
            refusal = dict.fromkeys(("message", "errmsg", "msg", "error", "description"), said)
            with self.upstream.for_now():
                self.upstream.answers({"result": False, "ok": False, "code": 4999, "errcode": 4999, **refusal})
                await gateway.call(self.params)

    async def _in_trouble(self, trouble: str, begin: Any) -> dict[str, Any]:
        """Return the answer to a call that meets this trouble once the vendor has accepted one, tokens and all."""
        __tracebackhide__ = True
        async with self._fresh(trouble, SECONDS) as gateway:
            before = len(self.upstream.requests)
            await gateway.call(self.params)
            usual, before = Counter(self._since(before)), len(self.upstream.requests)
            begin()
            key = uuid.uuid4().hex
            answer = await gateway.call(self.params, idempotency_key=key)
            asked, before = self._since(before), len(self.upstream.requests)
            await gateway.call(self.params, idempotency_key=key)
        if Counter(asked) - usual:
            often = f"{_told(asked)}, and usually {_told([*usual.elements()])}"
            raise _broken(f"after {trouble} the message was sent again: {often}", IN_DOUBT)
        self._check_repetition(before, f"after {trouble}")
        return answer

    def _check_repetition(self, before: int, when: str) -> None:
        __tracebackhide__ = True
        if asked := self._since(before):
            raise _broken(f"a repetition with the same idempotency key sent again, {when}: {_told(asked)}", REPEATED)

    def _since(self, number: int) -> list[str]:
        """Return method and path of the requests that the vendor got since it had so many."""
        return [f"{request.method} {request.path}" for request in self.upstream.requests[number:]]

    def _secrets(self) -> list[str]:
        generation = self.opened.app[GATEWAY].generation
        configured = [secret for _, component in generation.components for secret in secrets_of(component.config)]
        return [each for each in dict.fromkeys((*configured, *self.more_secrets)) if len(each) >= SHORTEST]

    @asynccontextmanager
    async def _fresh(self, during: str, timeout: float | None = None) -> AsyncIterator[Gateway]:
        """Open another gateway of the same configuration, and look for secrets in all that it says."""
        __tracebackhide__ = True
        config = self.opened.app[GATEWAY].generation.config
        if timeout is not None:
            config = replace(config, components=tuple(replace(each, timeout=timeout) for each in config.components))
        fresh: dict[str, Any] = {"events": [], "log": io.StringIO(), "answers": [], "_crashes": []}
        gateway = replace(self.opened, url="", app=web.Application(), **fresh)
        gateway.app = create_app(config, listeners=listeners_of(gateway), author=gateway.crashed)
        async with listening(gateway.app, "127.0.0.1", 0) as gateway.url:
            yield gateway
            try:
                assert_no_secrets([gateway], "", *self._secrets())
            except AssertionError as error:
                raise _broken(f"{error}, with {during}", HIDE) from None


def _broken(promise: str, mend: str) -> AssertionError:
    return AssertionError(f"{promise}. {mend}; esb.Sender does it for you.")


def _data(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    data = answer.get("data")
    return data if isinstance(data, dict) else {}


def _short(answer: Mapping[str, Any]) -> str:
    """Return what an answer says, in a line."""
    return f"result {answer.get('result')}, code {answer.get('code')}, {answer.get('message')!r}"


def _text(request: Received) -> str:
    """Return a request as it came, in which secrets can be looked for."""
    parts = (request.path, *request.query.values(), *request.headers.values(), request.body.decode(errors="replace"))
    return "\n".join(parts)


def _told(requests: Sequence[str]) -> str:
    return ", ".join(f"{number} × {request}" for request, number in Counter(requests).items())
