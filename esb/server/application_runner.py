"""Applications on listeners of their own, the admin listener and the sandbox: they refuse as the public listener does.

aiohttp's own refusals quote the request and tell versions.
"""

from aiohttp import web

from esb.core import json_codec
from esb.incoming.fast_response import JSON, SERVER
from esb.server.connection import BoundedConnection, refusal


class ApplicationRunner(web.AppRunner):
    """A runner of an application none of whose answers says more than the application does."""

    async def _make_server(self) -> web.Server:
        self.app.on_response_prepare.append(_name_server)
        made = await super()._make_server()
        return _Server(made.request_handler, request_factory=made.request_factory, loop=made._loop, **made._kwargs)


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(BoundedConnection):
    """A connection that refuses what is no HTTP with the reason alone, and a bug without one."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what could not be read or answered. ConnectionError if some of another one is out."""
        status, text = 500, "the request could not be answered, the log tells where"
        if (error := refusal(exc)) is not None:
            status, text = error.status, str(error)
        else:
            self.log_exception("a request could not be answered", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError
        body = json_codec.encode({"error": text}) + b"\n"
        response = web.Response(body=body, status=status, headers={"Content-Type": JSON, "Server": SERVER})
        response.force_close()
        return response


async def _name_server(request: web.Request, response: web.StreamResponse) -> None:
    """Put the name of the gateway where aiohttp has written its own version and Python's."""
    response.headers["Server"] = SERVER
