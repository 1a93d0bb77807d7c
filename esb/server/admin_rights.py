"""The operations on rights of apps. One is named by its globs, or by its number: `id`, or the end of the path."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esb.core.messages import template
from esb.database.registry_errors import missing
from esb.introspect.component_globs import doubts
from esb.server.admin_bodies import NewGrant, NewImpersonation
from esb.server.admin_registry import AdminRegistry
from esb.server.operations import CREATED, OK, Answer, Operation, OperatorRequest

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.app_views import AppViews
    from esb.database.registry import Write

Right = dict[str, Any]
Wanted = NewGrant | NewImpersonation


@dataclass(frozen=True, slots=True)
class RightKind:
    """Grants or impersonations: the body that gives one, what writes them and what reads those of an app."""

    name: str
    body: type[Wanted]
    writes: Callable[["Write"], Any]
    views: Callable[["AppViews", str], Awaitable[list[Right]]]


GRANTS = RightKind("grants", NewGrant, lambda write: write.grants, lambda views, code: views.grants(code))
IMPERSONATIONS = RightKind(
    "impersonations",
    NewImpersonation,
    lambda write: write.impersonations,
    lambda views, code: views.impersonations(code),
)


def right_operations(registry: AdminRegistry) -> list[Operation]:
    """Return the operations on both kinds."""
    operations = []
    for kind in (GRANTS, IMPERSONATIONS):
        handlers = _Handlers(registry, kind)
        path = f"/-/apps/{{code}}/{kind.name}"
        operations += [Operation("GET", path, handlers.list), Operation("POST", path, handlers.add)]
        for each in (path, path + r"/{number:\d+}"):
            operations += [Operation("PATCH", each, handlers.change), Operation("DELETE", each, handlers.revoke)]
    return operations


class _Handlers:
    """The handlers of the requests about one kind of rights."""

    def __init__(self, registry: AdminRegistry, kind: RightKind) -> None:
        self._registry = registry
        self._kind = kind

    async def list(self, asked: OperatorRequest) -> Answer:
        async with self._registry.reading() as views:
            return Answer({self._kind.name: await self._kind.views(views, asked.code)})

    async def add(self, asked: OperatorRequest) -> Answer:
        """Answer 201 with the right. One that is there gets the new terms."""
        return await self._put(asked, self._kind.body.model_validate(asked.given()))

    async def change(self, asked: OperatorRequest) -> Answer:
        """Answer the right with its new terms; what the body leaves out stays."""
        async with self._registry.reading() as views:
            wanted = self._kind.body.model_validate(await self._named(asked, views))
        return await self._put(asked, wanted, keep=True)

    async def revoke(self, asked: OperatorRequest) -> Answer:
        """Answer the right that is gone."""
        code = asked.code
        async with self._registry.writing(asked.actor) as (write, views):
            wanted = self._kind.body.model_validate(await self._named(asked, views))
            await self._kind.writes(write).revoke(code, **wanted.key())
        return Answer({"revoked": wanted.key()})

    async def _put(self, asked: OperatorRequest, wanted: NewGrant | NewImpersonation, *, keep: bool = False) -> Answer:
        code = asked.code
        async with self._registry.writing(asked.actor) as (write, views):
            rights = self._kind.writes(write)
            terms = wanted.terms(await rights.terms(code, **wanted.key())) if keep else wanted.terms()
            await rights.add(code, **wanted.key(), terms=terms)
            made = next(each for each in await self._kind.views(views, code) if wanted.key().items() <= each.items())
        warnings = [*doubts(self._registry.config(), [wanted.over_components])]
        return Answer({**made, **({"warnings": warnings} if warnings else {})}, OK if keep else CREATED)

    async def _named(self, asked: OperatorRequest, views: "AppViews") -> Right:
        """Return what a request says, with the globs of the right that it names by its number. AppUnknown, Missing."""
        said = asked.given()
        number = said.pop("id", None)
        if number is None:
            return said
        rights = {str(each["id"]): each for each in await self._kind.views(views, asked.code)}
        found = rights.get(str(number))
        if found is None:
            raise missing(template("{code} has no right {named!r}"), asked.code, str(number), rights)
        return {**said, **{key: found[key] for key in ("pattern", "users", "components") if key in found}}
