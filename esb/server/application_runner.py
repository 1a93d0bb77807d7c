"""Applications on listeners of their own (admin, sandbox): they refuse as the public listener does."""

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

    def _refused(self, request: web.BaseRequest, error: BaseException | None) -> web.StreamResponse:
        status, text = 500, "the request could not be answered, the log tells where"
        if (reason := refusal(error)) is not None:
            status, text = reason.status, str(reason)
        else:
            self.log_exception("a request could not be answered", exc_info=error)
        body = json_codec.encode({"error": text}) + b"\n"
        return web.Response(body=body, status=status, headers={"Content-Type": JSON, "Server": SERVER})


async def _name_server(request: web.Request, response: web.StreamResponse) -> None:
    """Put the name of the gateway where aiohttp has written its own version and Python's."""
    response.headers["Server"] = SERVER
