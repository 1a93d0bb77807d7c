"""The operations on apps, as the commands about apps, rights and history have them.

A new secret stands in the answer to the request that made it, and in no other.
"""

from typing import TYPE_CHECKING

from pydantic import SecretStr

from esb.database.writer import new_secret
from esb.server import admin_bodies as bodies
from esb.server.admin_registry import AdminRegistry
from esb.server.admin_rights import right_operations
from esb.server.operations import CREATED, Answer, Operation, OperatorRequest

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.app_views import AppViews
    from esb.database.registry import Write


def app_operations(registry: AdminRegistry) -> list[Operation]:
    """Return the operations on apps, their secrets and rights, and their history."""
    handlers = _Handlers(registry)
    one, secrets = "/-/apps/{code}", "/-/apps/{code}/secrets"
    numbered = secrets + r"/{number:\d+}"
    return [
        Operation("GET", "/-/apps", handlers.list),
        Operation("POST", "/-/apps", handlers.create),
        Operation("GET", one, handlers.show),
        Operation("PATCH", one, handlers.change),
        Operation("DELETE", one, handlers.delete),
        Operation("GET", "/-/apps/{code}/use", handlers.use),
        Operation("GET", secrets, handlers.secrets),
        Operation("POST", secrets, handlers.add_secret),
        *(Operation("PATCH", path, handlers.end_secret) for path in (secrets, numbered)),
        *(Operation("DELETE", path, handlers.retire_secret) for path in (secrets, numbered)),
        Operation("POST", one + "/callbacks/{name}/resume", handlers.resume_callback),
        *right_operations(registry),
        Operation("GET", "/-/history", handlers.history),
    ]


class _Handlers:
    """The handlers of what is asked about apps, and about their secrets."""

    def __init__(self, registry: AdminRegistry) -> None:
        self._registry = registry

    async def list(self, asked: OperatorRequest) -> Answer:
        wanted = asked.read(bodies.AppsWanted)
        async with self._registry.reading() as views:
            page = await views.apps(**wanted.model_dump())
        return Answer({"apps": page.apps, **_next(page.cursor)})

    async def show(self, asked: OperatorRequest) -> Answer:
        async with self._registry.reading() as views:
            return Answer(await views.app_and_use(asked.code))

    async def use(self, asked: OperatorRequest) -> Answer:
        wanted = asked.read(bodies.UseWanted)
        async with self._registry.reading() as views:
            return Answer({"use": await views.daily_calls(asked.code, wanted.since)})

    async def create(self, asked: OperatorRequest) -> Answer:
        """Answer 201 with the app, and the secret that was drawn for it."""
        wanted = asked.read(bodies.NewApp)
        secret, told = _given_or_new(wanted.secret)
        async with self._registry.writing(asked.actor) as (write, views):
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
        return Answer({**made, **told}, CREATED)

    async def change(self, asked: OperatorRequest) -> Answer:
        """Answer the app as it is after the change."""
        wanted, code = asked.read(bodies.AppChange), asked.code
        async with self._registry.writing(asked.actor) as (write, views):
            await _change(write, views, code, wanted)
            changed = await views.app_and_use(code)
        return Answer(changed)

    async def delete(self, asked: OperatorRequest) -> Answer:
        async with self._registry.writing(asked.actor) as (write, _):
            await write.apps.delete(asked.code)
        return Answer({"deleted": asked.code})

    async def secrets(self, asked: OperatorRequest) -> Answer:
        async with self._registry.reading() as views:
            return Answer({"secrets": (await views.app_and_use(asked.code))["secrets"]})

    async def add_secret(self, asked: OperatorRequest) -> Answer:
        """Answer 201 with the number of the secret, and the secret if it was drawn."""
        wanted, code = asked.read(bodies.NewSecret), asked.code
        secret, told = _given_or_new(wanted.secret)
        async with self._registry.writing(asked.actor) as (write, views):
            number = await write.secrets.add(code, secret, until=wanted.until, retire_old=wanted.retire_old_in)
            made = await _secret(views, code, number)
        return Answer({**made, **told}, CREATED)

    async def end_secret(self, asked: OperatorRequest) -> Answer:
        wanted = asked.read(bodies.SecretEnd)
        return await self._retire(asked, wanted.id, wanted.until)

    async def retire_secret(self, asked: OperatorRequest) -> Answer:
        return await self._retire(asked, asked.read(bodies.SecretNamed).id, None)

    async def resume_callback(self, asked: OperatorRequest) -> Answer:
        """Answer the callback that is told again. Its app may stand in esb.yaml."""
        name = asked.variables["name"]
        async with self._registry.writing(asked.actor) as (write, _):
            await write.callbacks.resume(asked.code, name)
        return Answer({"resumed": name})

    async def history(self, asked: OperatorRequest) -> Answer:
        wanted = asked.read(bodies.HistoryWanted)
        async with self._registry.reading() as views:
            page = await views.history(**wanted.model_dump())
        return Answer({"history": page.rows, **_next(page.cursor)})

    async def _retire(self, asked: OperatorRequest, number: int, at: int | None) -> Answer:
        code = asked.code
        async with self._registry.writing(asked.actor) as (write, views):
            await write.secrets.retire(code, number, at)
            ended = await _secret(views, code, number)
        return Answer(ended)


def _next(cursor: str | None) -> dict[str, str]:
    """Return what the answer tells of the next page: nothing if there is none."""
    return {} if cursor is None else {"cursor": cursor}


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
