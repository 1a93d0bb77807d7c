"""One WeChat credential: its access token, and requests that carry it. What both platforms have in common.

A request is repeated only where that cannot make two messages of one: when it provably never arrived, when WeChat
says that it did nothing, or when WeChat drops a repetition of the same bytes.
"""

import asyncio
import hashlib
import random
from functools import partial
from typing import Any
from urllib.parse import quote

from esb.channels.wechat.message import Message
from esb.channels.wechat.quota_gate import Gate
from esb.channels.wechat.reply import CredentialRefused, Reply, WeChatError, verdict_on
from esb.channels.wechat.verdict import judge, kind_of, refuses
from esb.contracts.services import Means
from esb.core import json_codec
from esb.core.call import Call
from esb.core.errors import Limited, UpstreamError
from esb.outgoing.client import Target, too_slow
from esb.outgoing.tokens.cache import RefusalHeard, Token, TokenKey

FETCH_SECONDS = 10.0
"""The time a token fetch has with all its tries, whoever waits for it."""
FETCH_GATE_SECONDS = 60.0
"""The longest time without a try after a fetch over quota: without a token nothing goes, and one try is cheap."""
ATTEMPT_SECONDS = 10.0
"""The time one request to WeChat has, so that within a call's deadline there is time for another."""
TRIES = 3
"""At most so many requests for one message, a resend with a fresh token aside."""
YOUNG_TOKEN_SECONDS = 5.0
YOUNG_TOKEN_PAUSE = 0.5
"""A fresh token of an official account may be refused for a moment, as its users report: wait, and try it again."""
PLAIN = "plain"
"""The kind of token of which a fetch kills the one before."""
GET_TOKEN = "get_token"  # noqa: S105 - the name of an interface
INVALID_CREDENTIAL = 40001
CONCURRENCY = 45033
"""WeCom's errcode for too many requests at once."""
NOT_SENT = (WeChatError, UpstreamError, Limited)
"""What ends a sending without an answer of WeChat to it."""


class _Effort:
    """What has been done for one message. `doubt`: a request that may have arrived, though no answer came."""

    tries = 0
    renewed = False
    waited = False
    doubt: UpstreamError | None = None


class Account:
    """A credential at one host. `borrowed`: it came with a call instead of the configuration.

    A platform names itself: `system` and `interface` in errors and logs, and how many requests of one call go out
    `at_once`.
    """

    platform: str
    system: str
    interface: str
    at_once: int
    fetch_seconds = 5.0
    """The time one try to fetch a token has."""

    def __init__(
        self,
        means: Means,
        *,
        host: str,
        account: str,
        secret: str,
        kind: str = "",
        proxy: str | None = None,
        borrowed: bool = False,
    ) -> None:
        self._http = means.http
        self._tokens = means.tokens
        self._clock = means.clock
        self._host = host.rstrip("/")
        self._secret = secret
        self._proxy = proxy
        digest = hashlib.sha256(f"{self._host}\n{secret}".encode()).hexdigest()[:32]
        self.key = TokenKey(self.platform, account, digest, kind, borrowed, exclusive=kind == PLAIN)
        self._lane = means.lanes.of(f"{self.platform}:{account}:{digest}")
        self._gate = Gate(means.store, means.observer, self.key)
        self._fetch_gate = Gate(means.store, means.observer, self.key, "fetch")
        self._sending = Target(
            self.system,
            self.interface,
            partial(kind_of, self.platform),
            sends=True,
            refuses=partial(refuses, self.platform),
        )
        self._fetching = Target(self.system, GET_TOKEN, partial(kind_of, self.platform, fetching=True))
        self._quoted = ("", "")

    async def post(self, call: Call, message: Message, page: int = 0) -> Reply:
        """WeChat's answer to a page of a message, after the repetitions that are safe.

        Raises WeChatError if WeChat gives no token, Limited while the credential's lane is full, and UpstreamError if
        there is no usable answer; its `sent` tells whether one of the requests may have arrived all the same.
        """
        raw = json_codec.encode_to_keep(message.body(page))  # once: a repetition must be the same bytes
        effort = _Effort()
        reply: Reply | None = None
        if not self._lane.enters(call.id):
            await self._lane.wait(call.id, call.deadline)
        try:
            while reply is None:
                reply = await self._tried(call, message, raw, effort)
        except NOT_SENT as error:
            raise (effort.doubt or error) from None
        finally:
            self._lane.leave(call.id)
        if effort.doubt is None or reply.accepted:
            return reply
        raise effort.doubt  # a refused repetition says nothing of the request before it, which may have been taken

    async def ready(self, call: Call) -> None:
        """Raises what `post` would raise or answer before it sends anything."""
        closed = await self._gate.closed()
        if closed is not None:
            raise WeChatError(closed)
        if self._tokens.at_hand(self.key) is None:
            await self._token(call)

    async def _tried(self, call: Call, message: Message, raw: bytes, effort: _Effort) -> Reply | None:
        """What WeChat answers to one request; None if another one may do better."""
        closed = await self._gate.closed()
        if closed is not None:
            return Reply(closed, {})
        effort.tries += 1
        kept = self._tokens.at_hand(self.key)
        token = kept.value if kept is not None else await self._token(call)
        target = self._sending
        try:
            payload = await self._http.json(
                call,
                target,
                "POST",
                self._url(message.endpoint, token),
                body=raw,
                proxy=self._proxy,
                timeout=ATTEMPT_SECONDS,
            )
            reply = Reply(verdict_on(self.platform, target, payload, (token, self._secret)), payload)
        except UpstreamError as error:
            if error.sent:
                effort.doubt = error
            safe = message.deduplicated or not error.sent
            if safe and error.transient and await self._another_try(call, effort.tries):
                return None
            raise
        if reply.accepted:
            if kept is None or not kept.proven:
                self._tokens.confirm(self.key, token)
            return reply
        return None if await self._worth_repeating(call, reply, token, effort) else reply

    async def _worth_repeating(self, call: Call, reply: Reply, token: str, effort: _Effort) -> bool:
        """Whether the same request may do better, now that what could be done about it is done."""
        match reply.verdict.kind:
            case "token":
                return await self._another_token(call, reply, token, effort)
            case "busy":
                if reply.verdict.errcode == CONCURRENCY:
                    self._lane.narrow()
                return await self._another_try(call, effort.tries)
            case "quota":
                await self._gate.close(reply.verdict)
        self._tokens.confirm(self.key, token)
        return False

    async def _another_token(self, call: Call, reply: Reply, token: str, effort: _Effort) -> bool:
        """Whether to repeat: once with the same token if it may be too young to be known, and once with a new one."""
        if not effort.waited and self._may_be_too_young(reply, token):
            effort.waited = True
            return await self._pause(call, YOUNG_TOKEN_PAUSE)
        if effort.renewed:
            return False
        effort.renewed = True
        return await self._tokens.forget(self.key, token)

    def _may_be_too_young(self, reply: Reply, token: str) -> bool:
        return (
            self.platform == "mp"
            and reply.verdict.errcode == INVALID_CREDENTIAL
            and self._tokens.age(self.key, token) < YOUNG_TOKEN_SECONDS
        )

    async def _another_try(self, call: Call, tries: int) -> bool:
        """Whether there is a try and the time for it; waits before it, longer each time, with jitter."""
        pause = random.uniform(0.5, 1.0) * 0.4 * 2 ** (tries - 1)  # noqa: S311 - jitter, not a secret
        return tries < TRIES and await self._pause(call, pause)

    async def _pause(self, call: Call, seconds: float) -> bool:
        """Waits, if that leaves the call any time."""
        if call.deadline - asyncio.get_running_loop().time() <= seconds:
            return False
        await self._clock.sleep(seconds)
        return True

    async def _token(self, call: Call) -> str:
        """A token, within the time of this call; the fetch itself has a time of its own."""
        try:
            async with asyncio.timeout_at(call.deadline):
                return await self._tokens.get(self.key, lambda: self._fetch(call))
        except TimeoutError:
            reason = too_slow(call.timeout)
            raise UpstreamError(self.system, GET_TOKEN, reason, sent=False, transient=True) from None
        except RefusalHeard as refusal:
            raise self._refused_elsewhere(refusal) from None

    def _refused_elsewhere(self, refusal: RefusalHeard) -> CredentialRefused:
        """What another process was told of this credential, as if we had been."""
        errcode, errmsg = refusal.data["errcode"], refusal.data["errmsg"]
        return CredentialRefused(judge(self.platform, errcode, errmsg, fetching=True))

    def _url(self, endpoint: str, token: str) -> str:
        if self._quoted[0] != token:
            self._quoted = token, quote(token, "")
        return f"{self._host}{endpoint}?access_token={self._quoted[1]}"

    async def _fetch(self, call: Call) -> Token:
        """A token from WeChat, in a time of its own: other calls wait for it too."""
        closed = await self._fetch_gate.closed()
        if closed is not None:
            raise WeChatError(closed)
        target = self._fetching
        call = call.detached(FETCH_SECONDS)
        tries = 0
        while True:
            tries += 1
            try:
                payload = await self._ask_token(call, target)
                verdict = verdict_on(self.platform, target, payload, (self._secret,), fetching=True)
            except UpstreamError as error:
                if error.transient and await self._another_try(call, tries):
                    continue
                error.sent = False  # what WeChat may have done is give out a token; the message is still here
                raise
            if verdict.kind == "busy" and await self._another_try(call, tries):
                continue
            if verdict.kind == "quota":
                await self._fetch_gate.close(verdict, FETCH_GATE_SECONDS)
            if verdict.kind == "config":
                raise CredentialRefused(verdict)
            if verdict.errcode:
                raise WeChatError(verdict)
            return self._usable(payload)

    def _usable(self, payload: dict[str, Any]) -> Token:
        value, expires_in = payload.get("access_token"), payload.get("expires_in")
        if not isinstance(value, str) or not value or not isinstance(expires_in, int) or expires_in <= 0:
            reason = "the response holds no usable access_token"
            raise UpstreamError(self.system, GET_TOKEN, reason, sent=False, transient=True)
        return Token(value, expires_in)

    async def _ask_token(self, call: Call, target: Target) -> dict[str, Any]:
        raise NotImplementedError
