"""The one way out: HTTP with pooled connections, deadlines, verified TLS and bounded answers.

Every failure becomes an UpstreamError that says whether the upstream may have acted. Its text never holds a URL:
WeChat's access tokens travel in the query. Who speaks HTTP is an engine; see esb.outgoing.exchange.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from multidict import MultiMapping

from esb.core.call import Call
from esb.core.errors import template
from esb.core.events import Observer
from esb.outgoing.bulkhead import Lane
from esb.outgoing.engine import MAX_ANSWER, Answer, Answering, Engine, ExchangeError, Request, Target, Tls, Way
from esb.outgoing.engines.aiohttp import AiohttpEngine
from esb.outgoing.json_answer import may_have_acted, own_code, read_json, read_object
from esb.outgoing.request_report import Telling
from esb.outgoing.request_scope import Asking, Upload, too_slow

__all__ = [
    "MAX_ANSWER",
    "Answer",
    "Outgoing",
    "Stream",
    "Target",
    "Telling",
    "Tls",
    "may_have_acted",
    "own_code",
    "read_json",
    "read_object",
    "too_slow",
]

IDLE_SECONDS = 30.0
NO_HEADERS: Mapping[str, str] = {}
FULL = template("Too many calls of this third-party system are under way, please try again later")
RECENT = 256
"""So many kinds of requests are remembered: an address, token and all, and the names of the headers."""
Place = tuple[str, str | None]
"""Where requests are counted together: a host, and the forward proxy on the way to it."""


class Judgement(Protocol):
    """The class of an answer; see UpstreamFinished."""

    @property
    def kind(self) -> str: ...


class Judged(Protocol):
    """An answer and the verdict on it."""

    @property
    def verdict(self) -> Judgement: ...


J = TypeVar("J", bound=Judged)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer from its head on. `chunks` is its body as it comes, neither decoded nor collected."""

    status: int
    headers: MultiMapping[str] = field(repr=False)
    chunks: AsyncIterator[bytes] = field(repr=False)


class Outgoing:
    """Sends requests to upstreams. One for the whole process."""

    def __init__(self, observer: Observer, *, max_per_target: int = 5000, engine: Engine | None = None) -> None:
        self._observer = observer
        self._max_per_target = max_per_target
        self._lanes: WeakValueDictionary[Place, Lane] = WeakValueDictionary()
        self._way = lru_cache(maxsize=RECENT)(self._new_way)
        self._engine = engine or AiohttpEngine()
        self.is_open = False

    def open(self) -> None:
        """Makes the connection pools, inside a running event loop."""
        self._engine.open()
        self._way.cache_clear()
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False
        await self._engine.close()

    @property
    def max_per_target(self) -> int:
        """How many requests one host gets at once."""
        return self._max_per_target

    @max_per_target.setter
    def max_per_target(self, width: int) -> None:
        self._max_per_target = width
        for lane in self._lanes.values():
            lane.width = width

    @property
    def is_idle(self) -> bool:
        """No request is under way, and none waits."""
        return all(lane.is_idle for lane in self._lanes.values())

    async def json(
        self,
        call: Call | None,
        target: Target,
        method: str,
        url: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] = NO_HEADERS,
        timeout: float | None = None,
        proxy: str | None = None,
        tls: Tls | None = None,
        guarded: bool = False,
        statuses: Collection[int] = (200,),
    ) -> dict[str, Any]:
        """The JSON object that this request brings. `body`: ready bytes, or a value to send as JSON.

        UpstreamError when the status is none of `statuses` or the answer is no JSON object. `tls` and `guarded`: see
        esb.outgoing.exchange.
        """
        with Asking(self._observer, call, target, timeout) as asked:
            answer = await self._fetch(asked, method, url, body, headers, proxy, tls, guarded)
            asked.status = answer.status
            payload = read_object(target, answer, statuses)
            asked.answered(payload)
            return payload

    async def judged(
        self,
        call: Call | None,
        target: Target,
        method: str,
        url: str,
        read: Callable[[dict[str, Any]], J],
        *,
        body: Any = None,
        timeout: float | None = None,
        proxy: str | None = None,
    ) -> J:
        """Return the JSON object that this request brings as `read` judges it: once, for the caller and for the log.

        UpstreamError when the status is not 200 or the answer is no JSON object; and what `read` raises.
        """
        with Asking(self._observer, call, target, timeout) as asked:
            answer = await self._fetch(asked, method, url, body, NO_HEADERS, proxy, None, False)
            asked.status = answer.status
            payload = read_object(target, answer)
            asked.note_code(payload)
            judged = read(payload)
            asked.note_verdict(judged.verdict.kind)
            return judged

    async def request(
        self,
        call: Call | None,
        target: Target,
        method: str,
        url: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] = NO_HEADERS,
        timeout: float | None = None,
        proxy: str | None = None,
        tls: Tls | None = None,
        guarded: bool = False,
    ) -> Answer:
        """What this request brings, whatever its status. UpstreamError when nothing usable came."""
        with Asking(self._observer, call, target, timeout) as asked:
            answer = await self._fetch(asked, method, url, body, headers, proxy, tls, guarded)
            asked.status = answer.status
            asked.refused = not may_have_acted(answer.status)
            return answer

    @asynccontextmanager
    async def stream(
        self,
        call: Call | None,
        target: Target,
        method: str,
        url: str,
        *,
        body: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
        timeout: float | None = None,
        idle: float = IDLE_SECONDS,
        tls: Tls | None = None,
        guarded: bool = False,
    ) -> AsyncIterator[Stream]:
        """The answer to this request, whatever its status, from its head on; no header is added but the call's.

        The deadline ends with the head; from then on `idle` seconds may pass between two chunks. Leaving before the
        end closes the connection. What `body` raises while it is read is raised here.
        """
        with Asking(self._observer, call, target, timeout) as asked:
            upload = body if body is None or isinstance(body, bytes) else Upload(body)
            lane = self._lane(url, None)
            if not lane.enters(asked.call_id):
                await asked.wait(lane)
            async with AsyncExitStack() as stack:
                stack.callback(lane.leave, asked.call_id)
                request = asked.streaming(method, url, upload, headers, tls, guarded)
                answering = await self._head(asked, request, stack)
                asked.status = answering.status
                if target.sends:
                    asked.mark_sent()  # now: whoever relays the body reads it long after the call is over
                yield Stream(answering.status, answering.headers, asked.chunks(answering, idle))

    async def _head(self, asked: Asking, request: Request, stack: AsyncExitStack) -> Answering:
        try:
            async with asyncio.timeout(asked.seconds):
                return await stack.enter_async_context(self._engine.stream(request))
        except TimeoutError:
            failure: Exception = asked.out_of_time()
        except ExchangeError as error:
            failure = asked.failure(error)
        if isinstance(request.body, Upload) and request.body.error is not None:
            failure = request.body.error
        raise failure

    def telling(self, call: Call | None, target: Target) -> Telling:
        """Tells the log of one request, however it ends; also of one that takes another way out than HTTP."""
        return Telling(self._observer, call, target)

    async def _fetch(
        self,
        asked: Asking,
        method: str,
        url: str,
        body: Any,
        headers: Mapping[str, str],
        proxy: str | None,
        tls: Tls | None,
        guarded: bool,
    ) -> Answer:
        headers, body = asked.content(headers, body)
        lane, way = self._way(method, url, tuple(headers), proxy, tls, guarded)
        if not lane.enters(asked.call_id):
            await asked.wait(lane)
        try:
            return await way.fetch(headers, body, asked.seconds)
        except ExchangeError as error:
            failure = asked.failure(error)
        finally:
            lane.leave(asked.call_id)
        raise failure

    def _new_way(
        self, method: str, url: str, names: tuple[str, ...], proxy: str | None, tls: Tls | None, guarded: bool
    ) -> tuple[Lane, Way]:
        """Where requests of this kind are counted together with others, and how they are sent."""
        return self._lane(url, proxy), self._engine.way(method, url, names, proxy, tls, guarded)

    def _lane(self, url: str, proxy: str | None) -> Lane:
        place = (url.partition("://")[2].partition("/")[0], proxy)
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = Lane(time.monotonic, self._max_per_target, FULL)
        return lane
