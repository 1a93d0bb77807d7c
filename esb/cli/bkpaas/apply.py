"""A plan written into the database of the configuration, app by app; what is there already stays."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from esb.cli.bkpaas.parts import AppPart, GrantPart
from esb.cli.bkpaas.plan import Plan
from esb.cli.bkpaas.rights import SKIP_USER_AUTH
from esb.cli.database_access import with_database
from esb.cli.registry_access import actor
from esb.config.moment import milliseconds
from esb.core.clock import utc_text
from esb.core.errors import GatewayError
from esb.database.registry_errors import RegistryError

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.app_import import ImportedApp, ImportedRight
    from esb.database.engine import Database

NOTHING_TO_DO = "the database has all of it already: nothing was written"


class NotAllWritten(GatewayError):
    """Apps that the database does not take. The others are written."""


def apply(plan: Plan, path: str) -> str:
    """Write the apps of a plan into the database of the configuration at `path`; return what was written, as a line.

    NotAllWritten names the apps that could not be; a ClickException or an exit code says why nothing could.
    """
    return with_database(path, lambda database: _write(database, plan))


async def _write(database: "Database", plan: Plan) -> str:
    from esb.database.app_import import AppImport
    from esb.database.metadata import now
    from esb.database.registry import Registry

    imports = AppImport(database, Registry(database), actor("import"), now())
    sums = {"apps": 0, "secrets": 0, "grants": 0, "impersonations": 0}
    refused = []
    for app in _apps(plan):
        try:
            written = await imports.bring(app)
        except RegistryError as error:
            refused.append(f"{app.code} is not written: {error}")
            continue
        for name in sums:
            sums[name] += getattr(written, name)
    done = ", ".join(f"{count} {name}" for name, count in sums.items())
    line = f"written: {done}" if any(sums.values()) else NOTHING_TO_DO
    if refused:
        raise NotAllWritten("\n".join([*refused, line]))
    return line


def _apps(plan: Plan) -> "Iterator[ImportedApp]":
    by_app: dict[str, list[GrantPart]] = {}
    for grant in plan.grants:
        if grant.is_carried:
            by_app.setdefault(grant.app, []).append(grant)
    impersonators = set(plan.impersonators)
    for app in plan.apps:
        yield _app(app, by_app.get(app.code, []), plan, app.code in impersonators)


def _app(app: AppPart, grants: list[GrantPart], plan: Plan, impersonates: bool) -> "ImportedApp":
    from esb.database.app_import import ImportedApp, ImportedRight

    opened = ImportedRight(None, "open to every app there")
    return ImportedApp(
        app.code,
        [secret.value for secret in app.secrets],
        dict.fromkeys(plan.open, opened) | {grant.component: _right(grant) for grant in grants},
        {"*": ImportedRight(None, SKIP_USER_AUTH)} if impersonates else {},
    )


def _right(grant: GrantPart) -> "ImportedRight":
    from esb.database.app_import import ImportedRight

    why = ", ".join(grant.sources)
    if grant.fate != "carried" and grant.until is not None:
        why = f"{why}, over since {utc_text(grant.until.timestamp())}"
    until = None if grant.end is None else milliseconds(grant.end.timestamp())
    return ImportedRight(until, why, goes_on=grant.fate == "extended")
