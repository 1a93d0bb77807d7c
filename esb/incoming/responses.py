"""Responses in their final form: an envelope, a component's own reply, or a body that is passed on as it comes."""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from aiohttp import web
from multidict import CIMultiDict

from esb.contracts.component import Envelope, Reply
from esb.core import json_codec, json_values
from esb.core.errors import EsbError, Message, PluginMistake, UpstreamError, first_esb_error, template
from esb.core.events import Observer
from esb.core.params import switched_on
from esb.core.reasons import Reason
from esb.incoming import envelope, http_status
from esb.incoming.cors import ORIGIN
from esb.incoming.disconnect import ClientDisconnected, ClientWatch, reset, while_connected
from esb.incoming.fast_response import REQUEST_ID, SERVER, JsonResponses
from esb.incoming.request import IncomingRequest
from esb.incoming.set_cookie import SET_COOKIE, keep_own
from esb.outgoing.client import own_code

CUT_SHORT = envelope.GENERAL_FAILURE
"""The code in the log of a call that was ended without an answer."""
_LINE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


@dataclass(slots=True, eq=False)
class FinalResponse:
    """A response, and what the log says of it: the code of the call, source of its trouble, and why there is any."""

    response: web.StreamResponse
    code: int | str
    source: str = ""
    reason: Reason | None = None


def written(incoming: IncomingRequest, answer: Any, responses: JsonResponses) -> FinalResponse:
    """Make the response of a component's answer. PluginMistake or ValueError if it cannot be written."""
    if isinstance(answer, Reply):
        if not isinstance(answer.body, bytes):
            kind = type(answer.body).__name__
            raise PluginMistake(f"the body of a Reply is a {kind}: bytes are needed, or an async iterator of them")
        own = headers(incoming, answer.headers)
        return FinalResponse(web.Response(body=answer.body, status=answer.status, headers=own), 0)
    if isinstance(answer, Envelope):
        made = envelope.completed(answer, incoming.id)
        refused = _tells_status(incoming) and not switched_on(made["result"])
        return _enveloped(incoming, made, http_status.REFUSED if refused else http_status.OK, "", None, responses)
    return FinalResponse(
        _response(incoming, envelope.success(answer, incoming.id), incoming.record.status, responses), 0
    )


def failed(incoming: IncomingRequest, error: Exception, responses: JsonResponses, observer: Observer) -> FinalResponse:
    """Make the response to a call that ended in this error; a bug is reported to the observer, and to nobody else.

    An exception group counts as its first EsbError; bugs beside that are reported all the same.
    """
    if isinstance(error, ExceptionGroup) and (found := first_esb_error(error)) is not None:
        _, bugs = error.split(EsbError)
        if bugs is not None:
            observer.crashed(incoming.id, incoming.declared_path, bugs)
        error = found
    if isinstance(error, json_codec.NestedTooDeep):
        error = _nested_too_deep(incoming)
    if isinstance(error, EsbError):
        try:
            if (seconds := http_status.retry_after(error)) is not None:
                incoming.record.headers.setdefault("Retry-After", str(math.ceil(seconds)))
            made = envelope.failure(error, incoming.id, incoming.translate)
            if (body := incoming.record.body) is not None and (made["data"] is None or isinstance(made["data"], dict)):
                made["data"] = {**(made["data"] or {}), "body": body}
            return _enveloped(incoming, made, _status(incoming, error), error.source, error.call_reason, responses)
        except json_codec.NestedTooDeep as nested:
            return failed(incoming, nested, responses, observer)
        except Exception as bug:  # noqa: BLE001 - a text without its value, data that is no JSON
            error = bug
    observer.crashed(incoming.id, incoming.declared_path, error)
    incoming.record.headers.clear()  # one of them may be what cannot be written
    status = http_status.CRASHED if _tells_status(incoming) else http_status.OK
    made = envelope.crash(incoming.id, incoming.translate)
    return _enveloped(incoming, made, status, "gateway", Reason.CRASH, responses)


def _tells_status(incoming: IncomingRequest) -> bool:
    return incoming.route is not None and incoming.route.tells_status


def _status(incoming: IncomingRequest, error: EsbError) -> int:
    """Return the status of a failure; with the header Retry-After, if the route's callers look at both."""
    if not _tells_status(incoming):
        return error.status
    status = http_status.status_of(error, sent=incoming.record.sent)
    seconds = http_status.retry_after(error)
    if status == http_status.LATER and seconds is not None:
        incoming.record.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return status


def _nested_too_deep(incoming: IncomingRequest) -> UpstreamError:
    """Return the error of an answer that cannot be written: nothing but an upstream's is so deep."""
    system, component = ("", "") if incoming.route is None else (incoming.route.system, incoming.route.component)
    return UpstreamError(system, component, template("interface response is nested too deep"))


async def streamed(incoming: IncomingRequest, reply: Reply, observer: Observer) -> FinalResponse:
    """Write a body as it comes, no faster than the client takes it, and close it whatever happens."""
    body, request = reply.body, incoming.request
    assert isinstance(body, AsyncIterator)  # noqa: S101 - the caller has looked
    try:
        response = web.StreamResponse(status=reply.status, headers=headers(incoming, reply.headers))
        async with while_connected(request.transport) as watch:
            await response.prepare(request)
            try:
                await _pump(body, response, reply.idle_timeout, watch)
            except ConnectionError:
                raise ClientDisconnected from None
            except Exception as error:  # noqa: BLE001 - the head is out: all that is left is to break off
                return _cut(incoming, response, error, observer)
        return FinalResponse(response, 0)
    finally:
        if isinstance(body, _Closable):
            await body.aclose()


def _cut(
    incoming: IncomingRequest, response: web.StreamResponse, error: Exception, observer: Observer
) -> FinalResponse:
    """Break off a response so that its reader can tell that it is not whole."""
    error = first_esb_error(error) or error
    stalled = isinstance(error, TimeoutError)
    if not isinstance(error, EsbError) and not stalled:
        observer.crashed(incoming.id, incoming.declared_path, error)
    request = incoming.request
    if request.transport is not None:
        if stalled or request.version < (1, 1):
            reset(request.transport)
        else:
            request.transport.close()
    if isinstance(error, EsbError):
        return FinalResponse(response, error.code, error.source, error.call_reason)
    if stalled:
        return FinalResponse(response, CUT_SHORT, "caller", Reason.CALLER_LEFT)
    return FinalResponse(response, CUT_SHORT, "gateway", Reason.CRASH)


async def _pump(body: AsyncIterator[bytes], response: web.StreamResponse, seconds: float, watch: ClientWatch) -> None:
    """Write each chunk when it is there; the client has `seconds` at most to take one."""
    async for chunk in body:
        watch.writing()
        async with asyncio.timeout(seconds):
            await response.write(chunk)
        watch.waiting()
    watch.writing()
    async with asyncio.timeout(seconds):
        await response.write_eof()


@runtime_checkable
class _Closable(Protocol):
    """An iterator that wants to know when nobody will read on."""

    async def aclose(self) -> None: ...


def _enveloped(
    incoming: IncomingRequest,
    made: dict[str, Any],
    status: int,
    source: str,
    reason: Reason | None,
    responses: JsonResponses,
) -> FinalResponse:
    if not source and not made["result"]:
        source, reason = "upstream", Reason.REFUSED  # a component's own envelope: it passes on what another system said
    code = own_code(made["code"])  # an upstream may have written anything there
    code = CUT_SHORT if code is None else code
    return FinalResponse(_response(incoming, made, status, responses), code, source, reason)


def _response(
    incoming: IncomingRequest, made: dict[str, Any], status: int, responses: JsonResponses
) -> web.StreamResponse:
    def rendered(value: Any) -> Any:
        """Render a text in the caller's language, wherever it stands; TypeError for what JSON cannot hold."""
        if isinstance(value, Message):
            return value.render(incoming.translate)
        return json_values.plain(value)

    more, cors = incoming.record.headers, incoming.cors
    if cors is not None:
        more = {**more, **cors.headers(incoming.request.headers.get(ORIGIN))}
    if more:
        _check(more)
    try:
        body = json_codec.encode(made, rendered)
    except json_codec.NestedTooDeep:
        raise
    except TypeError:
        raise PluginMistake(f"{json_values.misfit(made, rendered)}, which JSON cannot hold") from None
    return responses.json(incoming.request, incoming.id, body, status, more)


def headers(incoming: IncomingRequest, first: Mapping[str, str]) -> CIMultiDict[str]:
    """Return all headers of a component's own reply; ours win."""
    whole = CIMultiDict(first)
    if incoming.cors is None:
        whole.update(incoming.record.headers)
    else:
        incoming.cors.replace(whole, incoming.record.headers, incoming.request.headers.get(ORIGIN))
    if SET_COOKIE in whole and incoming.route is not None:
        keep_own(whole, incoming.route.cookies)
    _check(whole)
    whole[REQUEST_ID] = incoming.id
    whole["Server"] = SERVER
    return whole


def _check(headers: Mapping[str, str]) -> None:
    """Raise ValueError if a header would break out of its line, PluginMistake if it is no text."""
    for name, value in headers.items():
        if not isinstance(value, str):
            raise PluginMistake(f"the header {name} of the answer is no text, but: {type(value).__name__}")
        if not _LINE.fullmatch(name + value):
            raise ValueError("a header with control characters")
