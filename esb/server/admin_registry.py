"""The registry of apps behind the admin listener: opened by the first request that needs it, with its libraries."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from esb.config import Config
from esb.core import json_codec
from esb.core.errors import GatewayError
from esb.database.registry_errors import AlreadyThere, Missing, NotAcceptable
from esb.database.writer import LONGEST_ACTOR, Actor
from esb.gateway.process_database import build_database
from esb.server.admin_access import asked_by

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.app_views import AppViews
    from esb.database.engine import Database
    from esb.database.registry import Registry, Write

HEADERS = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
CREATED = 201
STATUS = {Missing: 404, AlreadyThere: 409, NotAcceptable: 422}
"""Refusal of the registry -> HTTP status. All others: the database is away, or not what this version needs."""
Handler = Callable[[web.Request], Awaitable[web.Response]]
B = TypeVar("B", bound=BaseModel)


class NoDatabase(Missing):
    """The configuration names no database."""


class AdminRegistry:
    """The registry in the database of the configuration of the moment, which only a restart changes."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self.config = config
        self._lock = asyncio.Lock()
        self._database: Database | None = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["AppViews"]:
        """Yield what is there. NoDatabase, DatabaseAway, DatabaseMismatch."""
        registry = await self._opened_once()
        async with registry.reading() as views:
            yield views

    @asynccontextmanager
    async def writing(self, request: web.Request) -> AsyncIterator[tuple["Write", "AppViews"]]:
        """Yield a transaction in the name of who asks, and what is there in it. Likewise, and RegistryError."""
        from esb.database.app_views import AppViews

        registry = await self._opened_once()
        async with registry.writing(self.actor(request)) as write:
            yield write, AppViews(write.transaction.connection)

    def actor(self, request: web.Request) -> Actor:
        """Return who asks, as the history names them."""
        name = asked_by(request, self.config().server.admin)
        return Actor(f"admin:{name}"[:LONGEST_ACTOR], "admin")

    async def database(self) -> "Database":
        """Return the database, open. NoDatabase, DatabaseAway, DatabaseMismatch."""
        async with self._lock:
            if self._database is None:
                self._database = await self._opened()
        return self._database

    async def _opened_once(self) -> "Registry":
        database = await self.database()
        from esb.database.registry import Registry

        return Registry(database)

    async def close(self, _: web.Application) -> None:
        """Close its connections."""
        if self._database is not None:
            await self._database.close()

    async def _opened(self) -> "Database":
        database, mistakes = build_database(self.config())
        if database is None:
            raise NoDatabase(mistakes[0].text if mistakes else "there is no services.database in the configuration")
        try:
            await database.open()
        except BaseException:
            await database.close()
            raise
        return database


def answering(handler: Handler) -> Handler:
    """Return the handler with its refusals as answers."""

    async def answered(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except ValidationError as error:
            wrong = (": ".join(filter(None, (_place(each["loc"]), _text(each)))) for each in error.errors())
            return answer({"error": "; ".join(wrong)}, 422)
        except GatewayError as error:
            status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 503)
            return answer({"error": str(error)}, status)

    return answered


def answer(value: Any, status: int = 200) -> web.Response:
    """Return an answer that nobody keeps."""
    return web.Response(body=json_codec.encode(value) + b"\n", status=status, headers=HEADERS)


async def given(request: web.Request) -> dict[str, Any]:
    """Return what a request says: its JSON object, and its query unless it makes something. NotAcceptable.

    Addresses are written into logs, and what makes something may hold a secret.
    """
    raw = await request.read()
    try:
        body = json_codec.decode_exact(raw) if raw else {}
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise NotAcceptable("the body is no JSON object")
    number = request.match_info.get("number")
    query = {} if request.method == "POST" else request.query
    return {**query, **body, **({} if number is None else {"id": number})}


async def asked(request: web.Request, model: type[B]) -> B:
    """Return what a request says as this model. ValidationError."""
    return model.model_validate(await given(request))


def code_of(request: web.Request) -> str:
    """Return the code of the app that a path names."""
    return request.match_info["code"]


def _place(keys: tuple[int | str, ...]) -> str:
    return ".".join(map(str, keys))


def _text(error: ErrorDetails) -> str:
    """Return what is wrong, in our own words where we have some."""
    return "unknown key" if error["type"] == "extra_forbidden" else error["msg"].removeprefix("Value error, ")
