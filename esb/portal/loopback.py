"""Requests to the gateway's own listeners on this machine: one at a time each, within bounds, straight there.

No proxy of the environment, no redirect and no cookie has a part in them, and nothing of the visitor's own request.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar
from yarl import URL

from esb.portal.page import Refused

MOST_AT_ONCE = 16
"""Requests that wait for their answers: a visitor has one, and this is no way around the limits of callers."""
USER_AGENT = "esb-portal"
MOST_BYTES = 2 * 2**20
"""Bytes of an answer that are read: far more than a page can show."""


@dataclass(frozen=True, slots=True)
class GatewayRequest:
    """One request to a listener, whose secrets no log and no error text shows."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """Status, headers and body of an answer. `is_cut`: there was more of the body than is read."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    is_cut: bool
    seconds: float


class NoAnswer(Exception):
    """A request that got no answer: it may have been carried out all the same. `is_late`: none came in time."""

    def __init__(self, *, is_late: bool) -> None:
        super().__init__()
        self.is_late = is_late


class Loopback:
    """The client. It keeps no connection open, so there is nothing to close."""

    def __init__(self) -> None:
        self._under_way = 0

    async def ask(self, request: GatewayRequest, seconds: float) -> GatewayAnswer:
        """Return the answer. NoAnswer, also after so many seconds; Refused if too many others wait for theirs."""
        if self._under_way >= MOST_AT_ONCE:
            raise Refused(503, "Too many calls are under way from here: try again in a moment.")
        self._under_way += 1
        try:
            return await _answer(request, seconds)
        except TimeoutError:
            raise NoAnswer(is_late=True) from None
        except (ClientError, OSError):  # whose texts may hold the address, and a secret in it
            raise NoAnswer(is_late=False) from None
        finally:
            self._under_way -= 1


async def _answer(request: GatewayRequest, seconds: float) -> GatewayAnswer:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with (
        ClientSession(
            headers={"User-Agent": USER_AGENT},
            trust_env=False,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=seconds),
        ) as client,
        client.request(
            request.method,
            URL(request.url, encoded=True),
            headers=dict(request.headers),
            data=request.body,
            allow_redirects=False,
        ) as response,
    ):
        body = bytearray()
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > MOST_BYTES:
                break
        is_cut = len(body) > MOST_BYTES
        return GatewayAnswer(
            response.status, dict(response.headers), bytes(body[:MOST_BYTES]), is_cut, loop.time() - begun
        )
