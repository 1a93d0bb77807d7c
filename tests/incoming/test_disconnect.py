"""Clients that leave while something is done for them."""

import asyncio
from typing import Any

import pytest

from esb.incoming.disconnect import LEFT_SECONDS, ClientDisconnected, ClientWatch, while_connected
from tests.support.loop_time import movable_loop_time, turns


class HalfClosed(asyncio.Protocol):
    """The protocol of a client that has ended its own side."""

    client_has_ended = True


class Connection(asyncio.Transport):
    """A connection that is open, and hands its protocol out."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Any = HalfClosed()

    def is_closing(self) -> bool:
        return False

    def get_protocol(self) -> Any:
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


async def test_a_connection_that_is_lost_while_all_is_cleaned_up_changes_nothing() -> None:
    connection = Connection()

    async def serve() -> None:
        async with while_connected(connection):
            try:
                await asyncio.Event().wait()
            finally:
                connection.protocol.connection_lost(None)

    with movable_loop_time() as advance:
        serving = asyncio.create_task(serve())
        await turns()
        advance(LEFT_SECONDS + 1)
        with pytest.raises(ClientDisconnected):
            await serving
    assert type(connection.protocol) is HalfClosed


@pytest.mark.parametrize("goes_on", [ClientWatch.writing, ClientWatch.waiting])
async def test_a_lost_connection_is_not_found_again(goes_on: Any) -> None:
    connection = Connection()

    async def serve() -> None:
        async with while_connected(connection) as watch:
            connection.protocol.connection_lost(None)
            goes_on(watch)
            await asyncio.Event().wait()

    async with asyncio.timeout(LEFT_SECONDS / 2):
        with pytest.raises(ClientDisconnected):
            await serve()
