"""A credential of a messaging platform: its access token, its gates, and requests repeated where that is safe.

A request is repeated only where that cannot make two messages of one: when it provably never arrived, when the
platform says that it did nothing, or drops repetitions of the same bytes. A subclass says what a platform does its way.
"""

import asyncio
import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from esb.channels.effort import TRIES, YOUNG_TOKEN_PAUSE, Effort, with_pause
from esb.channels.message import OutboundMessage
from esb.channels.outcome import DeliveryOutcome
from esb.channels.quota_gate import Closed, QuotaGate
from esb.channels.verdict import ACCEPTED, CredentialDeclined, Declined, JudgedAnswer, Verdict
from esb.contracts.services import ProcessServices
from esb.core import json_codec
from esb.core.call import Call
from esb.core.errors import Limited, UpstreamError
from esb.outgoing.client import NO_HEADERS, Target, too_slow
from esb.outgoing.tokens.cache import Entry, RefusalHeard, Token, TokenKey

FETCH_SECONDS = 10.0
"""The time a token fetch has with all its tries, whoever waits for it."""
FETCH_GATE_SECONDS = 60.0
"""The longest time without a try after a fetch over quota: without a token nothing goes, and one try is cheap."""
GET_TOKEN = "get_token"  # noqa: S105 - the name of an interface
NOT_SENT = (Declined, UpstreamError, Limited)
"""Errors that end a sending without an answer of the platform to it."""

Read = Callable[[Mapping[str, Any]], JudgedAnswer]
"""Judges the body of an answer."""


class Account(ABC):
    """A credential at one host. `borrowed`: it came with a call instead of the configuration.

    A platform names itself: `system` and `interface` in errors and logs, and how many requests of one call go out
    `at_once`. `sends` is False for requests of which nobody sees anything; `gated` is what a used-up quota stops.
    """

    platform: str
    system: str
    interface: str
    at_once: int
    secret_parameter = "secret"  # noqa: S105 - the name of a parameter
    """The parameter in which a caller may send a secret of its own, as errors name it."""
    attempt_seconds = 10.0
    """The time one request has, so that within a call's deadline there is time for another."""
    fetch_seconds = 5.0
    """The time one try to fetch a token has."""
    sends, gated = True, "send"
    _headers: Mapping[str, str] = NO_HEADERS

    def __init__(
        self,
        services: ProcessServices,
        *,
        host: str,
        account: str,
        secret: str,
        kind: str = "",
        proxy: str | None = None,
        borrowed: bool = False,
        exclusive: bool = False,
    ) -> None:
        """`exclusive`: each fetch of a token kills the one before."""
        self._http = services.http
        self._tokens = services.tokens
        self.clock = services.clock
        self._host = host.rstrip("/")
        self._secret = secret
        self._proxy = proxy
        digest = hashlib.sha256(f"{self._host}\n{secret}".encode()).hexdigest()[:32]
        parameter = self.secret_parameter if borrowed else ""
        self.key = TokenKey(self.platform, account, digest, kind, parameter, exclusive=exclusive)
        self._identity = f"{self.platform}:{account}:{digest}"
        self._bulkhead = services.bulkheads.of(self._identity)
        self.gate = QuotaGate(services.store, services.observer, self.gated, self._identity)
        self._fetch_gate = QuotaGate(services.store, services.observer, "fetch", self._identity)
        self._sending = Target(self.system, self.interface, sends=self.sends)
        self._fetching = Target(self.system, GET_TOKEN, sends=False)

    # The platform

    @abstractmethod
    def _url(self, endpoint: str, token: str) -> str:
        """Return where a request with this token goes."""

    @abstractmethod
    async def _ask_token(self, call: Call, target: Target, read: Read) -> JudgedAnswer:
        """Ask once for a token."""

    @abstractmethod
    def _token_in(self, body: Mapping[str, Any]) -> Token:
        """Return the token in an accepted answer. UpstreamError if it holds none that can be used."""

    @abstractmethod
    def _judged(self, errcode: int, errmsg: str, *, fetching: bool = False) -> Verdict:
        """Return the verdict on a code; in the answer to a token fetch it may mean something else."""

    @abstractmethod
    def _reply(self, target: Target, secrets: tuple[str, ...], fetching: bool, body: Mapping[str, Any]) -> JudgedAnswer:
        """Return an answer, judged; without these secrets. UpstreamError if it is none of the platform's."""

    def outcome(self, receivers: tuple[str, ...], reply: JudgedAnswer) -> DeliveryOutcome:
        """Return what an answer says of each receiver."""
        return DeliveryOutcome.judged(receivers, reply.verdict)

    def _may_be_too_young(self, verdict: Verdict, token: str) -> bool:
        """Tell whether this token may be refused only because it is new."""
        return False

    def _is_crowded(self, verdict: Verdict) -> bool:
        """Tell whether too many requests were under way at once."""
        return False

    # Sending

    async def ready(self, call: Call) -> Entry | None:
        """Return a token that can be used at once; None where `post` has to look for one.

        Raises what `post` would raise or answer before it sends anything.
        """
        if (closed := await self.gate.closed()) is not None:
            raise Declined(self.again(closed))
        entry = self._tokens.at_hand(self.key)
        if entry is None:
            await self._token(call)
        return entry

    async def post(
        self, call: Call, message: OutboundMessage, page: int = 0, entry: Entry | None = None
    ) -> JudgedAnswer:
        """Return the platform's answer to a page of a message, after the repetitions that are safe.

        `entry` is the token that `ready` has just returned: then neither gate nor token is looked at again.

        Raises Declined if the platform gives no token, Limited while the credential's bulkhead is full, and
        UpstreamError if there is no usable answer; its `sent` tells whether one of the requests may have arrived.
        """
        raw = json_codec.encode_to_keep(message.body(page))  # once: a repetition must be the same bytes
        effort, asking = Effort(), call
        if not self._bulkhead.enters(call):
            await self._bulkhead.wait(call, call.deadline)
        try:
            while True:
                if entry is None:
                    if (closed := await self.gate.closed()) is not None:
                        reply = JudgedAnswer(self.again(closed), {})
                        break
                    entry = self._tokens.at_hand(self.key)
                token = entry.value if entry is not None else await self._token(call)
                effort.tries += 1
                try:
                    reply = await self._ask(asking, message, raw, token)
                except UpstreamError as error:
                    if not await self._worth_another_try(call, message, error, effort):
                        raise
                else:
                    if reply.verdict.kind in ACCEPTED:
                        if entry is None or not entry.proven:
                            self._tokens.confirm(self.key, token)
                        return reply
                    if not await self._worth_repeating(call, message, reply, token, effort):
                        break
                entry, asking = None, replace(call, attempt=effort.tries + 1)
        except NOT_SENT as error:
            if not isinstance(effort.doubt, JudgedAnswer):
                raise (effort.doubt or error) from None
        finally:
            self._bulkhead.leave(call)
        # A refused repetition says nothing of the request before it, which may have been taken.
        if isinstance(effort.doubt, UpstreamError):
            raise effort.doubt
        return effort.doubt or with_pause(reply, effort.pause)

    def _ask(self, call: Call, message: OutboundMessage, raw: bytes, token: str) -> Awaitable[JudgedAnswer]:
        """Send one request."""
        return self._http.judged(
            call,
            self._sending,
            "POST",
            self._url(message.endpoint, token),
            partial(self._reply, self._sending, (token, self._secret), False),
            body=raw,
            headers=self._headers,
            proxy=self._proxy,
            timeout=self.attempt_seconds,
        )

    async def _worth_another_try(
        self, call: Call, message: OutboundMessage, error: UpstreamError, effort: Effort
    ) -> bool:
        """Tell whether a request that failed may be repeated without making two messages of one; note the doubt."""
        if error.sent:
            effort.doubt = error
        safe = message.deduplicated or not error.sent
        return safe and error.transient and await self._another_try(call, effort.tries)

    async def _worth_repeating(
        self, call: Call, message: OutboundMessage, reply: JudgedAnswer, token: str, effort: Effort
    ) -> bool:
        """Tell whether the same request may do better, now that what could be done about it is done; note the doubt."""
        verdict = reply.verdict
        if verdict.in_doubt:
            effort.doubt = reply
            if self._sending.sends:
                call.record.sent = True
            if not message.deduplicated:
                return False
        match verdict.kind:
            case "token":
                return await self._another_token(call, verdict, token, effort)
            case "busy":
                if self._is_crowded(verdict):
                    self._bulkhead.narrow()
                return await self._another_try(call, effort.tries)
            case "quota":
                await self.gate.close(self.platform, self.key.account, verdict, verdict.retry_after)
        self._tokens.confirm(self.key, token)
        return False

    async def _another_token(self, call: Call, verdict: Verdict, token: str, effort: Effort) -> bool:
        """Tell whether to repeat: once with the same token if it may be too young, and once with a new one."""
        if not effort.waited and self._may_be_too_young(verdict, token):
            effort.waited = True
            return await self._pause(call, YOUNG_TOKEN_PAUSE)
        if not effort.renewed:
            effort.renewed = True
            if await self._tokens.forget(self.key, token):
                return True
        effort.pause = await self._tokens.pause(self.key)
        return False

    async def _another_try(self, call: Call, tries: int) -> bool:
        """Tell whether there is a try and the time for it; wait before it, longer each time, with jitter."""
        pause = random.uniform(0.5, 1.0) * 0.4 * 2 ** (tries - 1)  # noqa: S311 - jitter, not a secret
        return tries < TRIES and await self._pause(call, pause)

    async def _pause(self, call: Call, seconds: float) -> bool:
        """Wait, if that leaves the call any time."""
        if call.seconds_left <= seconds:
            return False
        await self.clock.sleep(seconds)
        return True

    # Tokens

    async def _token(self, call: Call) -> str:
        """Return a token, within the time of this call; the fetch itself has a time of its own."""
        key = self.key
        if key.secret_parameter and call.app is not None:
            key = replace(key, app=call.app.code)
        try:
            async with asyncio.timeout_at(call.deadline):
                return await self._tokens.get(key, lambda: self._fetch(call))
        except TimeoutError:
            reason = too_slow(call.timeout)
            raise UpstreamError(self.system, GET_TOKEN, reason, sent=False, transient=True) from None
        except RefusalHeard as refusal:  # by another process: as if this one had been told
            verdict = self._judged(refusal.data["errcode"], refusal.data["errmsg"], fetching=True)
            raise CredentialDeclined(verdict) from None

    async def _fetch(self, call: Call) -> Token:
        """Fetch a token, in a time of its own: other calls wait for it too."""
        if (closed := await self._fetch_gate.closed()) is not None:
            raise Declined(self.again(closed))
        call = call.detached(FETCH_SECONDS)
        read = partial(self._reply, self._fetching, (self._secret,), True)
        tries = 0
        while True:
            tries += 1
            try:
                reply = await self._ask_token(replace(call, attempt=tries), self._fetching, read)
            except UpstreamError as error:
                if error.transient and await self._another_try(call, tries):
                    continue
                # The platform may have given out a token at most; the message is still here.
                raise error.with_sent(False) from error
            verdict = reply.verdict
            if verdict.kind == "busy" and await self._another_try(call, tries):
                continue
            if verdict.kind == "quota":
                seconds = min(verdict.retry_after or 0.0, FETCH_GATE_SECONDS)
                await self._fetch_gate.close(self.platform, self.key.account, verdict, seconds)
            if verdict.kind == "config":
                raise CredentialDeclined(verdict)
            if verdict.errcode:
                raise Declined(verdict)
            return self._token_in(reply.body)

    def again(self, closed: Closed) -> Verdict:
        """Return the refusal that closed a gate, with the seconds that are left of it."""
        return replace(self._judged(closed.errcode, closed.errmsg), retry_after=closed.seconds)
