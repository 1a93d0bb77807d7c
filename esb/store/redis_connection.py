"""The way to a Redis server: commands in batches, little patience, and a breaker while the server is away.

A command while it is away is refused at once. One task keeps the connection: it subscribes to the changes that are
published to every process, tries every second that the server still takes writes, and reconnects by itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as SlowToConnect

from esb.core.backoff import pauses
from esb.core.errors import template
from esb.store.protocol import StoreAway

PATIENCE = 0.5
"""Seconds that an answer may take."""
GLANCES = 5
"""The looks for it in that time: a loop that was busy elsewhere counts as one look, not as a slow server."""
PROBE_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
MOST_AT_ONCE = 200
TROUBLE = (RedisError, OSError, TimeoutError, EOFError)
NOT_YET = template("there is no connection yet")
WRONG_LOGIN = template("it refuses our user or password")
LOADING = template("it is still loading")
FULL = template("it is full")
READ_ONLY = template("it is read-only")
REFUSES_COMMANDS = template("it refuses our commands")

Argument = str | bytes | int | float
T = TypeVar("T")


class RedisConnection:
    """One server. `heard` gets each message of `channel`; `joined` is called whenever some may have been missed."""

    def __init__(
        self,
        url: str,
        channel: str,
        *,
        heard: Callable[[bytes], None],
        joined: Callable[[], None],
        turned: Callable[[str], None],
    ) -> None:
        self._client = Redis.from_url(
            url, protocol=2, retry=Retry(NoBackoff(), 0), socket_connect_timeout=PATIENCE, socket_timeout=None
        )
        self._channel = channel
        self._heard = heard
        self._joined = joined
        self._turned = turned
        self.trouble = NOT_YET
        """The reason why the server cannot be asked; "" if it can."""
        self._waiting: deque[tuple[tuple[Argument, ...], asyncio.Future[Any]]] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._session: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()

    async def open(self) -> None:
        """Connect; return after the first attempt, and go on trying if it failed."""
        self._keeper = asyncio.create_task(self._keep())
        await self._tried.wait()

    async def close(self) -> None:
        tasks = [task for task in (self._keeper, self._session, self._sender) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _, reply in self._waiting:
            reply.cancel()
        await self._disconnect()

    async def ask(self, *command: Argument) -> Any:
        """Return the server's answer. StoreAway if there is none, or if it refuses to serve; NoScriptError as it is."""
        if self.trouble:
            raise self.away(str(command[0]))
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, reply))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_waiting())
        try:
            return await reply
        except NoScriptError:
            raise  # the caller sends the script itself then
        except TROUBLE:
            raise self.away(str(command[0])) from None

    def away(self, interface: str) -> StoreAway:
        return StoreAway("store", interface.lower(), self.trouble or NOT_YET, sent=False, transient=True)

    async def _send_waiting(self) -> None:
        """Send the waiting commands in batches until none waits."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
            answers: list[Any] = [ConnectionError()] * len(batch)
            try:
                if not self.trouble:  # it may have fallen while they waited
                    answers = await patiently(self._exchange(command for command, _ in batch))
            except TROUBLE as error:
                self._fall(error)
            finally:
                self._settle(batch, answers)

    def _settle(self, batch: list[tuple[tuple[Argument, ...], "asyncio.Future[Any]"]], answers: list[Any]) -> None:
        for (_, reply), answer in zip(batch, answers, strict=True):
            if isinstance(answer, ResponseError) and not isinstance(answer, NoScriptError):
                self._fall(answer)
            if reply.done():
                continue  # the caller has left
            if isinstance(answer, Exception):
                reply.set_exception(answer)
            else:
                reply.set_result(answer)

    async def _exchange(self, commands: Iterable[tuple[Argument, ...]]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute(raise_on_error=False)

    # The connection's keeper

    async def _keep(self) -> None:
        waits = pauses(FIRST_PAUSE, LONGEST_PAUSE)
        while True:
            self._session = asyncio.create_task(self._stay())
            await asyncio.wait({self._session})
            if not self.trouble:  # it was well until now
                waits = pauses(FIRST_PAUSE, LONGEST_PAUSE)
            if not self._session.cancelled():
                self._fall(self._session.exception())
            self._tried.set()
            await self._disconnect()
            await asyncio.sleep(next(waits))

    async def _stay(self) -> None:
        """Connect and listen, until something goes wrong."""
        listening = self._client.pubsub()
        try:
            await patiently(self._join(listening))
            await self._probe()
            self.trouble = ""
            self._turned("")
            self._joined()
            self._tried.set()
            await self._listen(listening)
        finally:
            with suppress(*TROUBLE):
                await listening.aclose()  # type: ignore[no-untyped-call]  # redis-py's own

    async def _join(self, listening: PubSub) -> None:
        await listening.subscribe(self._channel)
        await listening.get_message(timeout=None)  # the server's word that we are in

    async def _listen(self, listening: PubSub) -> None:
        """Receive the changes, and ping: a connection that died unnoticed would bring none. Raises when it is dead."""
        loop = asyncio.get_running_loop()
        due = loop.time() + PROBE_SECONDS
        looks = GLANCES
        answered = True
        while looks:
            left = max(PATIENCE / GLANCES, due - loop.time())
            message = await listening.get_message(ignore_subscribe_messages=True, timeout=left)
            if message is not None and message["type"] == "pong":
                answered = True
            elif message is not None:
                self._heard(message["data"])
            if loop.time() < due:
                continue
            if answered:
                await self._probe()
                await patiently(listening.ping())
                answered = False
                looks = GLANCES
                due = loop.time() + PROBE_SECONDS
            elif message is None:
                looks -= 1
        raise TimeoutError

    async def _probe(self) -> None:
        """Try a write, since a server may still answer reads when it is full or a replica."""
        await patiently(self._client.set(f"{self._channel}:probe", "1", px=60_000))

    def _fall(self, error: BaseException | None) -> None:
        """Take the server for away; the keeper finds out when it is back."""
        if self._session is not None:
            self._session.cancel()
        reason = reason_of(error)
        if self.trouble != reason:
            self.trouble = reason
            self._turned(reason)

    async def _disconnect(self) -> None:
        """Close every connection: one that was left in the middle of an answer must not be used again."""
        with suppress(*TROUBLE):
            await patiently(self._client.connection_pool.disconnect(inuse_connections=True))


async def patiently(work: Awaitable[T]) -> T:
    """Return the result of `work` if it comes within PATIENCE; TimeoutError otherwise."""
    task = asyncio.ensure_future(work)
    try:
        for _ in range(GLANCES):
            await asyncio.wait({task}, timeout=PATIENCE / GLANCES)
            if task.done():
                return task.result()
        raise TimeoutError
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


def reason_of(error: BaseException | None) -> str:
    """Return the reason why the server cannot be asked, in our words: its own may quote an address or a command."""
    if isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError):
        return WRONG_LOGIN
    if isinstance(error, BusyLoadingError):
        return LOADING
    if isinstance(error, OutOfMemoryError):
        return FULL
    if isinstance(error, ReadOnlyError):
        return READ_ONLY
    if isinstance(error, ResponseError):
        return REFUSES_COMMANDS
    if isinstance(error, TimeoutError | SlowToConnect):
        return template("it does not answer")
    return template("there is no connection")
