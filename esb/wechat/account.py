"""One WeChat credential: its access token, and requests that carry it. What both platforms have in common.

A request is repeated only where that cannot make two messages of one: when it provably never arrived, when WeChat
says that it did nothing, or when WeChat drops a repetition of the same bytes.
"""

import asyncio
import hashlib
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote

from esb import codec
from esb.call import Call
from esb.errors import EsbError, UpstreamError
from esb.outgoing import Target, too_slow
from esb.services import Means
from esb.tokens import Token, TokenKey, TokenRefused
from esb.wechat.errcodes import Verdict, judge, kind_of
from esb.wechat.gate import Gate
from esb.wechat.message import Message

FETCH_SECONDS = 10.0
"""The time a token fetch has with all its tries, whoever waits for it."""
ATTEMPT_SECONDS = 10.0
"""The time one request to WeChat has, so that within a call's deadline there is time for another."""
TRIES = 3
"""At most so many requests for one message, a resend with a fresh token aside."""
YOUNG_TOKEN_SECONDS = 5.0
YOUNG_TOKEN_PAUSE = 0.5
"""A fresh token of an official account may be refused for a moment, as its users report: wait, and try it again."""
GET_TOKEN = "get_token"  # noqa: S105 - the name of an interface
CONCURRENCY = 45033
"""WeCom's errcode for too many requests at once."""

_NUMBER = re.compile(r"-?[0-9]{1,9}")


class WeChatError(EsbError):
    """WeChat said no before anything was sent; the verdict tells why."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__("{errmsg}", verdict.data(), errmsg=verdict.errmsg)


class CredentialRefused(WeChatError, TokenRefused):
    """WeChat does not accept this appid or corpid, its secret, or our address."""


@dataclass(frozen=True, slots=True)
class Reply:
    """WeChat's answer. A verdict with errcode 0 is acceptance."""

    verdict: Verdict
    body: Mapping[str, Any] = field(repr=False)


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
        self.key = TokenKey(self.platform, account, digest, kind, borrowed)
        credential = f"{self.platform}:{account}:{digest}"
        self._lane = means.lanes.of(credential)
        self._gate = Gate(means.store, means.observer, self.key)

    async def post(self, call: Call, message: Message) -> Reply:
        """WeChat's answer to a message, after the repetitions that are safe.

        Raises WeChatError if WeChat gives no token, Limited while the credential's gate is closed or its lane full,
        and UpstreamError if there is no usable answer.
        """
        closed = await self._gate.closed()
        if closed is not None:
            return Reply(closed, {})
        raw = codec.encode(message.json())  # once: a repetition must be the same bytes
        async with self._lane.turn():
            reply = await self._send(call, message, raw)
        if reply.verdict.kind == "quota":
            await self._gate.close(reply.verdict)
        return reply

    async def ready(self, call: Call) -> None:
        """Raises what `post` would raise or answer before it sends anything."""
        closed = await self._gate.closed()
        if closed is not None:
            raise WeChatError(closed)
        await self._token(call)

    async def _send(self, call: Call, message: Message, raw: bytes) -> Reply:
        tries = 0
        renewed = waited = False
        while True:
            tries += 1
            token = await self._token(call)
            try:
                reply = await self._attempt(call, message.endpoint, raw, token)
            except UpstreamError as error:
                safe = message.deduplicated or not error.sent
                if safe and error.transient and await self._another_try(call, tries):
                    continue
                raise
            kind = reply.verdict.kind
            if kind == "token":
                if not waited and self._may_be_too_young(reply, token):
                    waited = True
                    await self._clock.sleep(YOUNG_TOKEN_PAUSE)
                    continue
                if not renewed and await self._tokens.forget(self.key, token):
                    renewed = True
                    continue
            elif kind == "busy":
                if reply.verdict.errcode == CONCURRENCY:
                    self._lane.narrow()
                if await self._another_try(call, tries):
                    continue
            else:
                self._tokens.confirm(self.key, token)
            return reply

    def _may_be_too_young(self, reply: Reply, token: str) -> bool:
        return (
            self.platform == "mp"
            and reply.verdict.errcode == 40001
            and self._tokens.age(self.key, token) < YOUNG_TOKEN_SECONDS
        )

    async def _another_try(self, call: Call, tries: int) -> bool:
        """Whether there is a try and the time for it; waits before it, longer each time, with jitter."""
        pause = random.uniform(0.5, 1.0) * 0.4 * 2 ** (tries - 1)  # noqa: S311 - jitter, not a secret
        if tries >= TRIES or call.deadline - asyncio.get_running_loop().time() <= pause:
            return False
        await self._clock.sleep(pause)
        return True

    async def _token(self, call: Call) -> str:
        """A token, within the time of this call; the fetch itself has a time of its own."""
        try:
            async with asyncio.timeout_at(call.deadline):
                return await self._tokens.get(self.key, lambda: self._fetch(call))
        except TimeoutError:
            raise UpstreamError(self.system, GET_TOKEN, too_slow(call.timeout), sent=False) from None

    def _url(self, endpoint: str, token: str) -> str:
        return f"{self._host}{endpoint}?access_token={quote(token, '')}"

    async def _attempt(self, call: Call, endpoint: str, raw: bytes, token: str) -> Reply:
        target = Target(self.system, self.interface, partial(kind_of, self.platform))
        url = self._url(endpoint, token)
        try:
            payload = await self._http.json(
                call, target, "POST", url, body=raw, proxy=self._proxy, timeout=ATTEMPT_SECONDS
            )
            reply = Reply(self._verdict(target, payload, token), payload)
        except UpstreamError as error:
            call.record.sent |= error.sent
            raise
        except asyncio.CancelledError:
            call.record.sent = True
            raise
        call.record.sent |= reply.verdict.kind in {"ok", "held", "message"}  # "message": perhaps half read
        return reply

    async def _fetch(self, call: Call) -> Token:
        """A token from WeChat, in a time of its own: other calls wait for it too."""
        target = Target(self.system, GET_TOKEN, partial(kind_of, self.platform, fetching=True))
        call = call.detached(FETCH_SECONDS)
        tries = 0
        while True:
            tries += 1
            try:
                payload = await self._ask_token(call, target)
                verdict = self._verdict(target, payload, "", fetching=True)
            except UpstreamError as error:
                if error.transient and await self._another_try(call, tries):
                    continue
                error.sent = False  # what WeChat may have done is give out a token; the message is still here
                raise
            if verdict.kind == "busy" and await self._another_try(call, tries):
                continue
            if verdict.kind == "config":
                raise CredentialRefused(verdict)
            if verdict.errcode:
                raise WeChatError(verdict)
            return self._usable(payload)

    def _usable(self, payload: dict[str, Any]) -> Token:
        value, expires_in = payload.get("access_token"), payload.get("expires_in")
        if not isinstance(value, str) or not value or not isinstance(expires_in, int) or expires_in <= 0:
            raise UpstreamError(self.system, GET_TOKEN, "the response holds no usable access_token", sent=False)
        return Token(value, expires_in)

    async def _ask_token(self, call: Call, target: Target) -> dict[str, Any]:
        raise NotImplementedError

    def _verdict(self, target: Target, payload: dict[str, Any], token: str, *, fetching: bool = False) -> Verdict:
        errcode = payload.get("errcode")
        if isinstance(errcode, str) and _NUMBER.fullmatch(errcode):
            errcode = int(errcode)
        if errcode is None and (fetching or "msgid" in payload):
            errcode = 0  # an official account's token comes without one
        if not isinstance(errcode, int) or isinstance(errcode, bool):
            # Something on the way may answer 200 and JSON too.
            raise UpstreamError(target.system, target.interface, "the response has no errcode that is a number")
        errmsg = payload.get("errmsg")
        text = errmsg if isinstance(errmsg, str) else ""
        return judge(self.platform, errcode, text, secrets=(token, self._secret), fetching=fetching)
