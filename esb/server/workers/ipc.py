"""The channel between the supervisor and a worker: requests one way, responses the other, over a socket pair.

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


class ChannelClosed(Exception):
    """The process at the other end has gone."""


class IpcChannel:
    """One end of the channel, over which messages go both ways."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> "IpcChannel":
        """Take over this end of a socket pair."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    async def send(self, message: Any) -> None:
        """Send an object that can be pickled. ChannelClosed."""
        raw = _pickled(message)
        try:
            self._writer.write(_SIZE.pack(len(raw)) + raw)
            await self._writer.drain()
        except ConnectionError:
            raise ChannelClosed from None

    async def receive(self) -> Any:
        """Return the next object from the other end. ChannelClosed."""
        try:
            (size,) = _SIZE.unpack(await self._reader.readexactly(_SIZE.size))
            return pickle.loads(await self._reader.readexactly(size))  # noqa: S301 - see above
        except (asyncio.IncompleteReadError, ConnectionError):
            raise ChannelClosed from None

    def close(self) -> None:
        self._writer.close()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, MappingProxyType):  # which pickle leaves out
            return _frozen, (dict(value),)
        return NotImplemented


def _frozen(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """Restore a mapping proxy, whose class has a name by which pickle does not find it."""
    return MappingProxyType(values)


def _pickled(message: Any) -> bytes:
    written = io.BytesIO()
    _Pickler(written).dump(message)
    return written.getvalue()


class RpcClient:
    """The calling side of the channel. Responses come in any order; a late one reaches nobody else's request."""

    def __init__(self, channel: IpcChannel) -> None:
        self._channel = channel
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._task = asyncio.create_task(self._listen())

    async def call(self, verb: str, argument: Any, seconds: float) -> Any:
        """Return the response. ChannelClosed or TimeoutError if none comes."""
        if self._task.done():
            raise ChannelClosed
        self._number += 1
        number = self._number
        response = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._channel.send((number, verb, argument))
                return await response
        finally:
            del self._waiting[number]

    async def _listen(self) -> None:
        try:
            while True:
                number, response = await self._channel.receive()
                waiting = self._waiting.get(number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(response)
        except ChannelClosed:
            pass
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ChannelClosed())

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._channel.close()
