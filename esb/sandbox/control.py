"""The control API under /_sandbox/: seed, inbox, stats, tokens, clock and faults. Mistakes are answered with 400."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from esb.sandbox import control_values, message_filter, seed, tokens
from esb.sandbox.changes import TooManyWatchers
from esb.sandbox.control_values import BadControl
from esb.sandbox.faults import parse_fault
from esb.sandbox.origin import READING, is_foreign
from esb.sandbox.pages import routes
from esb.sandbox.wire import decode, encode
from esb.sandbox.world import World

Query = Mapping[str, str]
Command = Callable[[World, Any, Query], dict[str, Any] | Awaitable[dict[str, Any]]]
PREFIX = "/_sandbox/"
MEDIA = "media/"


async def handle(world: World, request: web.Request) -> web.StreamResponse:
    """Carry out one command.

    404 for an unknown path, 405 for a method that the path does not have, 403 for a page of another site that would
    change something, and 503 for more calls that wait than there may be.
    """
    name = request.path.removeprefix(PREFIX)
    if request.method not in READING and is_foreign(request):
        return _json({"error": "a page of another site may change nothing here"}, 403)
    if routes.is_ours(name):
        return await routes.handle(world, request)
    try:
        if request.method == "PATCH":
            seed.patch(world.state, name.split("/"), await _document(request))
            return _json({"ok": True})
        if name.startswith(MEDIA) and request.method == "GET":
            return _media(world, name.removeprefix(MEDIA))
        if name == "messages" and request.method == "GET" and routes.wants_fragment(request):
            return routes.fragment(request, world, await message_filter.found(world, request.query))
        commands = COMMANDS.get(name)
        if commands is None:
            return _json({"error": f"no such path{control_values.suggestion(name, COMMANDS)}"}, 404)
        command = commands.get(request.method)
        if command is None:
            return _json({"error": f"{request.method} is not for this path; use {' or '.join(commands)}"}, 405)
        told = command(world, await _document(request), request.query)
        return _json(told if isinstance(told, dict) else await told)
    except BadControl as mistake:
        return _json({"error": str(mistake)}, 400)
    except TooManyWatchers:
        return _json({"error": "too many calls wait already"}, 503)


async def _document(request: web.Request) -> Any:
    body = await request.read()
    if not body:
        return {}
    try:
        return decode(body)
    except ValueError as error:
        raise BadControl(f"the body is not JSON: {error}") from None


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=encode(value), status=status, content_type="application/json", charset="utf-8")


def _media(world: World, media_id: str) -> web.Response:
    media = world.state.media.find(media_id)
    if media is None:
        return _json({"error": "no media with this id was uploaded, or they are not kept any more"}, 404)
    return web.Response(body=media.content, content_type="application/octet-stream")


async def _messages(world: World, document: Any, query: Query) -> dict[str, Any]:
    return {"messages": [message.rendered() for message in await message_filter.found(world, query)]}


def _seed(world: World, document: Any, query: Query) -> dict[str, Any]:
    world.start_over(seed.parse(document))
    return {"ok": True}


def _reset(world: World, document: Any, query: Query) -> dict[str, Any]:
    world.start_over(seed.default_seed())
    return {"ok": True}


def _empty_inbox(world: World, document: Any, query: Query) -> dict[str, Any]:
    world.state.inbox.empty()
    return {"ok": True}


def _stats(world: World, document: Any, query: Query) -> dict[str, Any]:
    endpoints = {
        path: {
            "calls": counted.calls,
            "codes": {str(code): number for code, number in counted.codes.items()},
            "in_flight_peak": counted.in_flight_peak,
        }
        for path, counted in world.state.counted.items()
    }
    return {"endpoints": endpoints, "tokens_issued": dict(world.state.tokens_issued)}


def _expire(world: World, document: Any, query: Query) -> dict[str, Any]:
    return {"expired": tokens.expire(world.state, _named_app(world, document))}


def _rotate(world: World, document: Any, query: Query) -> dict[str, Any]:
    return {"rotated": tokens.rotate(world.state, _named_app(world, document))}


def _named_app(world: World, document: Any) -> str | None:
    app = control_values.mapping(document, "body", ("app",)).get("app")
    return None if app is None else control_values.one_of(app, "app", tokens.apps(world.state))


def _advance(world: World, document: Any, query: Query) -> dict[str, Any]:
    values = control_values.mapping(document, "body", ("advance",))
    world.state.advanced_s += control_values.amount(values.get("advance"), "advance")
    return {"now": world.state.now()}


def _now(world: World, document: Any, query: Query) -> dict[str, Any]:
    return {"now": world.state.now()}


def _add_fault(world: World, document: Any, query: Query) -> dict[str, Any]:
    return {"id": world.faults.add(parse_fault(document))}


def _faults(world: World, document: Any, query: Query) -> dict[str, Any]:
    return {"faults": world.faults.rendered()}


def _delete_faults(world: World, document: Any, query: Query) -> dict[str, Any]:
    world.faults.clear()
    return {"ok": True}


def _knobs(world: World, document: Any, query: Query) -> dict[str, Any]:
    return world.state.knobs.dotted()


def _smtp(world: World, document: Any, query: Query) -> dict[str, Any]:
    return {"port": world.smtp_port}


COMMANDS: dict[str, dict[str, Command]] = {
    "seed": {"POST": _seed},
    "reset": {"POST": _reset},
    "messages": {"GET": _messages, "DELETE": _empty_inbox},
    "stats": {"GET": _stats},
    "tokens/expire": {"POST": _expire},
    "tokens/rotate": {"POST": _rotate},
    "clock": {"POST": _advance, "GET": _now},
    "faults": {"POST": _add_fault, "GET": _faults, "DELETE": _delete_faults},
    "knobs": {"GET": _knobs},
    "smtp": {"GET": _smtp},
}
