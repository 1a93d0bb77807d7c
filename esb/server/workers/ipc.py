"""The line between the supervisor and a worker: questions one way, answers the other, over a socket pair.

Both ends are the same program and nobody else holds an end, so objects travel pickled.
"""

import asyncio
import io
import pickle
import socket
import struct
from types import MappingProxyType
from typing import Any

_SIZE = struct.Struct("!I")


class LineClosed(Exception):
    """The process at the other end has gone."""


class Line:
    """One end of the line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> "Line":
        return cls(*await asyncio.open_unix_connection(sock=end))

    async def send(self, message: Any) -> None:
        raw = _pickled(message)
        try:
            self._writer.write(_SIZE.pack(len(raw)) + raw)
            await self._writer.drain()
        except ConnectionError:
            raise LineClosed from None

    async def receive(self) -> Any:
        try:
            (size,) = _SIZE.unpack(await self._reader.readexactly(_SIZE.size))
            return pickle.loads(await self._reader.readexactly(size))  # noqa: S301 - see above
        except (asyncio.IncompleteReadError, ConnectionError):
            raise LineClosed from None

    def close(self) -> None:
        self._writer.close()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, MappingProxyType):  # which pickle leaves out
            return _frozen, (dict(value),)
        return NotImplemented


def _frozen(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """Its class has a name by which pickle does not find it."""
    return MappingProxyType(values)


def _unchangeable(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(items)


def _pickled(message: Any) -> bytes:
    written = io.BytesIO()
    _Pickler(written).dump(message)
    return written.getvalue()


class Questions:
    """Asks over a line. Answers come in any order, and a late one reaches nobody else's question."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._asked = 0
        self._task = asyncio.create_task(self._listen())

    async def ask(self, verb: str, argument: Any, seconds: float) -> Any:
        """The answer. LineClosed or TimeoutError if none comes."""
        if self._task.done():
            raise LineClosed
        self._asked += 1
        number = self._asked
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._line.send((number, verb, argument))
                return await answer
        finally:
            del self._waiting[number]

    async def _listen(self) -> None:
        try:
            while True:
                number, answer = await self._line.receive()
                waiting = self._waiting.get(number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        except LineClosed:
            pass
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(LineClosed())

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._line.close()
