"""Parts of a configuration that are right each by itself, and cannot work together."""

from collections.abc import Iterator, Sequence
from typing import Any

from esb.config import Config, Section, Stanza
from esb.config.stanza_reader import deepest
from esb.core.errors import Mistake
from esb.core.host_names import is_loopback
from esb.gateway import chains
from esb.gateway.extras import hint_for, is_installed

ALL_ADDRESSES = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on
SANDBOX_HOST = "127.0.0.1"
SQL = "sql"
TEMPLATES = "jinja2"
NO_DATABASE = "'sql' reads the database, and there is none: add `services.database` with its url and encryption_keys"
APPS_IN_THE_FILE = frozenset({"static", "bk_auth"})
"""Back ends of services.apps whose `apps` say what an app may do."""


def apps_in_the_file(config: Config) -> Iterator[Stanza]:
    """Yield the directories of apps whose rights stand in the file, be they one or in a chain."""
    apps = config.services.get("apps")
    yield from (each for each in (apps.asked if apps is not None else ()) if each.use in APPS_IN_THE_FILE)


def mistakes(config: Config) -> Iterator[Mistake]:
    """Yield what contradicts another part. Parts with a mistake of their own are left alone: one cause, one mistake."""
    if config.root is None:
        return
    wrong = [mistake.key for mistake in config.mistakes]
    if not any(key.startswith(("server", "sandbox")) for key in wrong):
        yield from _shared_ports(config)
        yield from _no_pages(config)
    if not any("middlewares" in key or key.startswith(("services", "apps")) for key in wrong):
        yield from _unread_rights(config)
    if config.database is None and not any(key.startswith("services.database") for key in wrong):
        yield from _no_database(config)


def _shared_ports(config: Config) -> Iterator[Mistake]:
    """Yield a mistake for each listener at the port of one before it."""
    server, admin, sandbox = config.server, config.server.admin, config.sandbox
    listeners: list[tuple[tuple[str, ...], str, int | None]] = [(("server", "port"), server.host, server.port)]
    if admin is not None:
        listeners.append((("server", "admin", "port"), admin.host, admin.port))
    if server.portal is not None:
        listeners.append((("server", "portal", "port"), server.portal.host, server.portal.port))
    if sandbox is not None:
        listeners.append((("sandbox", "port"), SANDBOX_HOST, sandbox.port))
        listeners.append((("sandbox", "smtp_port"), SANDBOX_HOST, sandbox.smtp_port))
    assert config.root is not None  # noqa: S101 - the caller has looked
    taken: list[tuple[tuple[str, ...], str, int]] = []
    for keys, host, port in listeners:
        if not port or deepest(config.root, *keys).unresolved:
            continue
        for other, its_host, its_port in taken:
            if port == its_port and _overlap(host, its_host):
                text = f"{port} is {'.'.join(other)} already; two listeners cannot share it: choose another"
                yield config.root.mistake(text, *keys)
                break
        taken.append((keys, host, port))


def _no_pages(config: Config) -> Iterator[Mistake]:
    """Yield a mistake for a portal whose library is not installed."""
    assert config.root is not None  # noqa: S101 - the caller has looked
    if config.server.portal is not None and not is_installed(TEMPLATES):
        yield config.root.mistake(f"its pages need {TEMPLATES}{hint_for(TEMPLATES)}", "server", "portal")


def _no_database(config: Config) -> Iterator[Mistake]:
    """Yield a mistake for each directory of apps that lies in the database."""
    apps = config.services.get("apps")
    for each in apps.asked if apps is not None else ():
        if each.use == SQL:
            yield each.section.mistake(NO_DATABASE, "use")


def _overlap(host: str, other: str) -> bool:
    return host == other or bool(ALL_ADDRESSES & {host, other}) or (is_loopback(host) and is_loopback(other))


def _unread_rights(config: Config) -> Iterator[Mistake]:
    """Yield one mistake if apps are granted some components, and no chain that knows them asks for that."""
    asking = [chain for chain in _chains(config) if chains.APP_AUTH in chain]
    if not asking or any(map(_may_judge, asking)):
        return
    if any(stanza.restricted for stanza in config.components):
        return  # that nobody asks for rights, `chains.lacks` tells of this component
    for app in (app for apps in apps_in_the_file(config) for app in deepest(apps.config, "apps").children.values()):
        part = _less_than_all(app)
        if part is not None:
            yield part.mistake(chains.UNREAD_RIGHTS)
            return


def _less_than_all(app: Section) -> Section | None:
    """Return the first part of an app that gives it some components; None if one gives all, without an end."""
    own, grants = app.children.get("components"), app.children.get("grants")
    given = [] if own is None else [(own, True)]
    for grant in () if grants is None else grants.children.values():
        if (part := grant.children.get("components")) is not None:
            until = grant.children.get("until")
            given.append((part, until is None or until.value is None))
    if any(lasts and _opens_all(part.value) for part, lasts in given):
        return None
    if own is None and grants is not None and grants.value == []:  # which gives nothing
        return grants
    return next((part for part, _ in given if not part.unresolved), None)


def _chains(config: Config) -> Iterator[Sequence[str]]:
    """Yield the names of each chain that stands before a component; of the shared one if there is no component."""
    if not config.components:
        yield chains.shared(config)
    for stanza in config.components:
        yield chains.uses(config, stanza)


def _may_judge(chain: Sequence[str]) -> bool:
    return chains.PERMISSION in chain or chains.foreign(chain)


def _opens_all(granted: Any) -> bool:
    return granted is None or (isinstance(granted, list) and "*" in granted)
