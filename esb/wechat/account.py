"""One WeChat credential: its access token, and requests that carry it. What both platforms have in common."""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote

from esb.call import Call
from esb.errors import EsbError, UpstreamError
from esb.outgoing import Outgoing, Target, too_slow
from esb.tokens import Token, TokenCache, TokenKey, TokenRefused
from esb.wechat.errcodes import TOKEN_DEAD, kind_of, readable

FETCH_SECONDS = 10.0
GET_TOKEN = "get_token"  # noqa: S105 - the name of an interface
_NUMBER = re.compile(r"-?[0-9]{1,9}")


class WeChatError(EsbError):
    """WeChat said no before anything was sent; `errcode` and `errmsg` are its own."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        self.errcode = errcode
        self.errmsg = errmsg
        super().__init__("{errmsg}", {"errcode": errcode, "errmsg": errmsg}, errmsg=errmsg)


class CredentialRefused(WeChatError, TokenRefused):
    """WeChat does not accept this appid or corpid, its secret, or our address."""


@dataclass(frozen=True, slots=True)
class Reply:
    """WeChat's answer. errcode 0 is acceptance."""

    errcode: int
    errmsg: str
    body: Mapping[str, Any] = field(repr=False)


class Account:
    """A credential at one host. `borrowed`: it came with a call instead of the configuration.

    A platform names itself: `system` and `interface` in errors and logs, the errcodes that mean a `refused` credential,
    and how many requests of one call go out `at_once`.
    """

    platform: str
    system: str
    interface: str
    refused: frozenset[int]
    at_once: int

    def __init__(
        self,
        http: Outgoing,
        tokens: TokenCache,
        *,
        host: str,
        account: str,
        secret: str,
        kind: str = "",
        proxy: str | None = None,
        borrowed: bool = False,
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._host = host.rstrip("/")
        self._secret = secret
        self._proxy = proxy
        digest = hashlib.sha256(f"{self._host}\n{secret}".encode()).hexdigest()[:32]
        self.key = TokenKey(self.platform, account, digest, kind, borrowed)

    async def post(self, call: Call, path: str, body: Any) -> Reply:
        """Sends `body` with the access token; once more with a fresh one if WeChat says that the token is dead.

        Raises WeChatError if WeChat gives no token, UpstreamError if it gives no usable answer.
        """
        token = await self._token(call)
        reply = await self._attempt(call, path, body, token)
        if reply.errcode not in TOKEN_DEAD:
            return reply
        await self._tokens.forget(self.key, token)
        return await self._attempt(call, path, body, await self._token(call))

    async def _token(self, call: Call) -> str:
        """A token, within the time of this call; the fetch itself has a time of its own."""
        try:
            async with asyncio.timeout_at(call.deadline):
                return await self._tokens.get(self.key, lambda: self._fetch(call))
        except TimeoutError:
            raise UpstreamError(self.system, GET_TOKEN, too_slow(call.timeout), sent=False) from None

    async def _attempt(self, call: Call, path: str, body: Any, token: str) -> Reply:
        url = f"{self._host}{path}?access_token={quote(token, '')}"
        target = Target(self.system, self.interface, partial(kind_of, self.platform))
        call.record.sent = True
        payload = await self._http.json(call, target, "POST", url, body=body, proxy=self._proxy)
        return self._reply(target, payload, payload.get("errcode"), token)

    async def _fetch(self, call: Call) -> Token:
        """A token from WeChat, in a time of its own: other calls wait for it too."""
        target = Target(self.system, GET_TOKEN, partial(kind_of, self.platform, fetching=True))
        try:
            payload = await self._ask_token(call.detached(FETCH_SECONDS), target)
            reply = self._reply(target, payload, payload.get("errcode", 0))
        except UpstreamError as error:
            error.sent = False  # what WeChat may have done is give out a token; the message is still here
            raise
        if reply.errcode in self.refused:
            raise CredentialRefused(reply.errcode, reply.errmsg)
        if reply.errcode:
            raise WeChatError(reply.errcode, reply.errmsg)
        value, expires_in = payload.get("access_token"), payload.get("expires_in")
        if not isinstance(value, str) or not value or not isinstance(expires_in, int) or expires_in <= 0:
            raise UpstreamError(self.system, GET_TOKEN, "the response holds no usable access_token", sent=False)
        return Token(value, expires_in)

    async def _ask_token(self, call: Call, target: Target) -> dict[str, Any]:
        raise NotImplementedError

    def _reply(self, target: Target, payload: dict[str, Any], errcode: Any, token: str = "") -> Reply:
        """WeChat's answer, if it is one: something on the way may answer 200 and JSON too."""
        if isinstance(errcode, str) and _NUMBER.fullmatch(errcode):
            errcode = int(errcode)
        if not isinstance(errcode, int) or isinstance(errcode, bool):
            raise UpstreamError(target.system, target.interface, "the response has no errcode that is a number")
        errmsg = payload.get("errmsg")
        return Reply(errcode, readable(errmsg if isinstance(errmsg, str) else "", (token, self._secret)), payload)
