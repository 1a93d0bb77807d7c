"""Apps over the admin listener, as the commands about apps, rights and history have them.

A new secret stands in the answer to the request that made it, and in no other.
"""

from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import SecretStr

from esb.database.writer import new_secret
from esb.server import admin_bodies as bodies
from esb.server.admin_registry import CREATED, AdminRegistry, answer, answering, asked, code_of
from esb.server.admin_rights import right_routes

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.app_views import AppViews
    from esb.database.registry import Write


def add_apps(app: web.Application, registry: AdminRegistry) -> None:
    """Add the paths of apps to the admin listener's application."""
    handlers = _Handlers(registry)
    one, secrets = "/-/apps/{code}", "/-/apps/{code}/secrets"
    numbered = secrets + r"/{number:\d+}"
    app.add_routes(
        [
            web.get("/-/apps", answering(handlers.list)),
            web.post("/-/apps", answering(handlers.create)),
            web.get(one, answering(handlers.show)),
            web.patch(one, answering(handlers.change)),
            web.delete(one, answering(handlers.delete)),
            web.get("/-/apps/{code}/use", answering(handlers.use)),
            web.get(secrets, answering(handlers.secrets)),
            web.post(secrets, answering(handlers.add_secret)),
            *(web.patch(path, answering(handlers.end_secret)) for path in (secrets, numbered)),
            *(web.delete(path, answering(handlers.retire_secret)) for path in (secrets, numbered)),
            *right_routes(registry),
            web.get("/-/history", answering(handlers.history)),
        ]
    )


class _Handlers:
    """The handlers of the requests about apps, and about their secrets."""

    def __init__(self, registry: AdminRegistry) -> None:
        self._registry = registry

    async def list(self, request: web.Request) -> web.Response:
        wanted = await asked(request, bodies.AppsWanted)
        async with self._registry.reading() as views:
            return answer({"apps": await views.apps(wanted.unused)})

    async def show(self, request: web.Request) -> web.Response:
        async with self._registry.reading() as views:
            return answer(await views.app_and_use(code_of(request)))

    async def use(self, request: web.Request) -> web.Response:
        wanted = await asked(request, bodies.UseWanted)
        async with self._registry.reading() as views:
            return answer({"use": await views.daily_calls(code_of(request), wanted.since)})

    async def create(self, request: web.Request) -> web.Response:
        """Answer 201 with the app, and the secret that was drawn for it."""
        wanted = await asked(request, bodies.NewApp)
        secret, told = _given_or_new(wanted.secret)
        async with self._registry.writing(request) as (write, views):
            await write.apps.create(
                wanted.code,
                secrets=[secret],
                hash_only=wanted.hash_only,
                disabled=wanted.disabled,
                expires=wanted.expires,
                settings=wanted.settings,
            )
            for username in wanted.owners:
                await write.owners.add(wanted.code, username)
            for name, url in wanted.callbacks.items():
                await write.callbacks.add(wanted.code, name, url)
            made = await views.app_and_use(wanted.code)
        return answer({**made, **told}, CREATED)

    async def change(self, request: web.Request) -> web.Response:
        """Answer the app as it is after the change."""
        wanted, code = await asked(request, bodies.AppChange), code_of(request)
        async with self._registry.writing(request) as (write, views):
            await _change(write, views, code, wanted)
            changed = await views.app_and_use(code)
        return answer(changed)

    async def delete(self, request: web.Request) -> web.Response:
        async with self._registry.writing(request) as (write, _):
            await write.apps.delete(code_of(request))
        return answer({"deleted": code_of(request)})

    async def secrets(self, request: web.Request) -> web.Response:
        async with self._registry.reading() as views:
            return answer({"secrets": (await views.app_and_use(code_of(request)))["secrets"]})

    async def add_secret(self, request: web.Request) -> web.Response:
        """Answer 201 with the number of the secret, and the secret if it was drawn."""
        wanted, code = await asked(request, bodies.NewSecret), code_of(request)
        secret, told = _given_or_new(wanted.secret)
        async with self._registry.writing(request) as (write, views):
            number = await write.secrets.add(code, secret, until=wanted.until, retire_old=wanted.retire_old_in)
            made = await _secret(views, code, number)
        return answer({**made, **told}, CREATED)

    async def end_secret(self, request: web.Request) -> web.Response:
        wanted = await asked(request, bodies.SecretEnd)
        return await self._retire(request, wanted.id, wanted.until)

    async def retire_secret(self, request: web.Request) -> web.Response:
        return await self._retire(request, (await asked(request, bodies.SecretNamed)).id, None)

    async def history(self, request: web.Request) -> web.Response:
        wanted = await asked(request, bodies.HistoryWanted)
        async with self._registry.reading() as views:
            return answer({"history": await views.history(**wanted.model_dump())})

    async def _retire(self, request: web.Request, number: int, at: int | None) -> web.Response:
        code = code_of(request)
        async with self._registry.writing(request) as (write, views):
            await write.secrets.retire(code, number, at)
            ended = await _secret(views, code, number)
        return answer(ended)


def _given_or_new(secret: SecretStr | None) -> tuple[str, dict[str, str]]:
    """Return the secret, and what the answer tells of it: nothing of one that the caller has."""
    if secret is not None:
        return secret.get_secret_value(), {}
    drawn = new_secret()
    return drawn, {"secret": drawn}


async def _secret(views: "AppViews", code: str, number: int) -> dict[str, object]:
    return next(each for each in await views.secrets(code) if each["id"] == number)


async def _change(write: "Write", views: "AppViews", code: str, wanted: bodies.AppChange) -> None:
    """Write what the body says, and nothing that it leaves out."""
    said = wanted.model_fields_set
    known = await views.app(code)
    if "disabled" in said:
        await write.apps.set_disabled(code, wanted.disabled)
    if "expires" in said:
        await write.apps.set_expires(code, wanted.expires)
    if "settings" in said:
        gone = [key for key, value in wanted.settings.items() if value is None]
        kept = {key: value for key, value in wanted.settings.items() if value is not None}
        await write.apps.set_settings(code, kept, gone)
    for username in wanted.owners:
        await write.owners.add(code, username)
    for username in known["owners"] if "owners" in said else ():
        if username not in wanted.owners:
            await write.owners.remove(code, username)
    for name, url in wanted.callbacks.items():
        if url is None:
            await write.callbacks.remove(code, name)
        else:
            await write.callbacks.add(code, name, url)
