"""AccessToken: a vendor's access token for authors of components: fetched once for all, renewed, never in a log."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from esb.channels.config_secrets import without_secrets
from esb.channels.draft import Rejected
from esb.channels.upstream_text import readable_code, readable_text
from esb.contracts.services import ProcessServices
from esb.core.call import ORDINARY, Call
from esb.core.errors import UpstreamError, template
from esb.outgoing.client import NO_HEADERS, Target, too_slow
from esb.outgoing.tokens.cache import RefusalHeard, Token, TokenKey, TokenRefused

FETCH_SECONDS = 10.0
"""The time a fetch has, whoever waits for it."""
GET_TOKEN = "get_token"  # noqa: S105 - the name of an interface
UNAUTHORIZED = 401
NO_TOKEN = template("the response holds no usable access_token")


class CredentialRejected(Rejected, TokenRefused):
    """A vendor does not accept the credential; it is not asked again for a while."""


class AccessToken:
    """The access token of one account, shared by all calls and processes, refreshed ahead of its end.

    `platform` and `account` name it in logs; `secret` is what it is fetched with. `fetch(call)` asks the vendor once,
    and returns a Token; it raises Rejected with kind "config" if the vendor does not know the credential. The token
    travels in the query as `query`, or else in `header` after `scheme`. `invalid` tells an answer that means that the
    token is dead; HTTP status 401 always does. `exclusive`: each fetch kills the token before.
    """

    def __init__(
        self,
        services: ProcessServices,
        platform: str,
        account: str,
        secret: SecretStr,
        fetch: Callable[[Call], Awaitable[Token]],
        *,
        query: str = "",
        header: str = "Authorization",
        scheme: str = "Bearer",
        invalid: Callable[[Mapping[str, Any]], bool] = lambda answer: False,
        exclusive: bool = False,
    ) -> None:
        self._http = services.http
        self._tokens = services.tokens
        self._secret = secret.get_secret_value()
        self._fetch = fetch
        self._query = query
        self._header = header
        self._scheme = scheme
        self._invalid = invalid
        digest = hashlib.sha256(self._secret.encode()).hexdigest()[:32]
        self._key = TokenKey(platform, account, digest, exclusive=exclusive)

    async def get(self, call: Call) -> str:
        """Return the token, fetched if need be, within the time of this call.

        Raise UpstreamError, with `sent` False, if the vendor gives none in time, and Rejected if it refuses.
        """
        try:
            async with asyncio.timeout_at(call.deadline):
                return await self._tokens.get(self._key, lambda: self._fetched(call))
        except TimeoutError:
            reason = too_slow(call.timeout)
            raise UpstreamError(self._key.platform, GET_TOKEN, reason, sent=False, transient=True) from None
        except RefusalHeard as refusal:  # by another process: as if this one had been told
            raise CredentialRejected(refusal.data["errcode"], refusal.data["errmsg"], "config") from None

    def confirm(self, value: str) -> None:
        """Remember that the vendor has accepted this token."""
        self._tokens.confirm(self._key, value)

    async def forget(self, value: str) -> bool:
        """Drop this token, which the vendor calls invalid; return True if it is worth trying with another one."""
        return await self._tokens.forget(self._key, value)

    async def json(
        self,
        call: Call,
        target: Target,
        method: str,
        url: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] = NO_HEADERS,
        statuses: Collection[int] = (200,),
    ) -> dict[str, Any]:
        """Return the JSON object that this request brings, sent with the token; once more if the token was dead.

        A vendor that calls its token invalid has done nothing, so this cannot make two messages of one. UpstreamError
        when the status is none of `statuses` or the answer is no JSON object; and what `get` raises. The token is taken
        out of the answer: a vendor may repeat it.
        """
        renewed = False
        while True:
            token = await self.get(call)
            place, own = self._carrying(token, url, headers)
            try:
                answer = await self._http.json(call, target, method, place, body=body, headers=own, statuses=statuses)
            except UpstreamError as error:
                if error.http_status != UNAUTHORIZED or renewed or not await self.forget(token):
                    raise
            else:
                if not self._invalid(answer):
                    self.confirm(token)
                    return dict(without_secrets(answer, (token,)))
                if renewed or not await self.forget(token):
                    return dict(without_secrets(answer, (token,)))
            renewed = True
            call = replace(call, attempt=2)

    def _carrying(self, token: str, url: str, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        """Return address and headers of a request with this token."""
        if self._query:
            return f"{url}{'&' if '?' in url else '?'}{self._query}={quote(token, '')}", headers
        return url, {**headers, self._header: f"{self._scheme} {token}".lstrip()}

    async def _fetched(self, call: Call) -> Token:
        """Fetch a token, in a time of its own and not as part of this call: other calls wait for it too."""
        call = replace(call.detached(FETCH_SECONDS), options=ORDINARY)
        try:
            token = await self._fetch(call)
        except UpstreamError as error:
            # The vendor may have given out a token at most; the message is still here.
            raise error.with_sent(False) from error
        except Rejected as rejected:
            if rejected.errcode is None:  # neither a token nor a reason
                raise self._without_token() from None
            errcode = readable_code(rejected.errcode, self._secret)
            made = CredentialRejected if rejected.kind == "config" else Rejected
            errmsg = readable_text(rejected.errmsg, self._secret)
            raise made(errcode, errmsg, rejected.kind, retry_after=rejected.retry_after) from None
        if not isinstance(token.value, str) or not token.value or not _is_life(token.expires_in):
            raise self._without_token()
        return token

    def _without_token(self) -> UpstreamError:
        return UpstreamError(self._key.platform, GET_TOKEN, NO_TOKEN, sent=False, transient=True)


def _is_life(seconds: Any) -> bool:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0
