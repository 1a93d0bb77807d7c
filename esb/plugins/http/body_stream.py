"""A body on its way from an upstream to a caller, and all that ends when it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack


class BodyStream:
    """The chunks of a body. `held` closes with it: the upstream's connection, the place in the ConcurrencyLimit."""

    def __init__(self, chunks: AsyncIterator[bytes], held: AsyncExitStack) -> None:
        self._chunks = chunks
        self._held = held
        self._end: BaseException | None = asyncio.CancelledError()  # until the body has come to its own end

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            self._end = None
            raise
        except BaseException as error:
            self._end = error
            raise

    async def aclose(self) -> None:
        error = self._end
        await self._held.__aexit__(type(error) if error is not None else None, error, None)
