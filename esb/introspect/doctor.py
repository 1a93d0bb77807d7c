"""A preflight: the checks of all that a configuration describes, each subject beside the others, within ten seconds.

Built is what `esb serve` would build, and nothing of it is opened but the way out, and the store if that is well.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

from esb.channels.config_secrets import secrets_of
from esb.config import ComponentStanza, Config
from esb.config.stanza_reader import deepest
from esb.contracts.checks import Check, Finding, Result
from esb.contracts.probes import CHECK_SECONDS, Probes
from esb.core.clock import SystemClock
from esb.core.errors import EsbError, UpstreamError
from esb.core.redaction import redacted
from esb.gateway.app import Gateway
from esb.gateway.part import Part
from esb.introspect.database_checks import database_checks
from esb.introspect.delivery_checks import delivery_checks, engine_checks
from esb.introspect.process_checks import process_checks
from esb.telemetry.log_text import escaped

SECONDS = 8.0
"""The time that all checks have together; the command itself starts within what is left of ten."""
NOT_IN_TIME = f"no answer within {CHECK_SECONDS:g} s"
SILENT_FIX = "it is reached and says nothing: look at its load and its log, and at what stands between"
UPSTREAM_FIX = "look at the log of that service, and whether its address in esb.yaml leads to it"
SWITCHED_OFF = "switched off in esb.yaml"
NONE_OFFERED = "it offers no checks"
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s/?#@]*@)?([^\s/?#]*)\S*")


@dataclass(frozen=True, slots=True)
class Subject:
    """A component, a service or the process, and its checks. `place`: where its stanza stands, as FILE:LINE."""

    name: str
    place: str
    checks: Sequence[Check]
    secrets: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Examined:
    """A check that is done, as it is told."""

    subject: str
    place: str
    id: str
    what: str
    result: Result
    cause: str
    fix: str
    milliseconds: int


async def examine(config: Config, components: Sequence[str] = (), send_to: str = "") -> list[Examined]:
    """Return what all checks have found; with `components`, those of these alone, by name or path.

    A test message goes to the user `send_to`, if there is one. ConfigError with all mistakes. LookupError with the name
    of a component that is not declared.
    """
    gateway = Gateway(config, (), SystemClock(), None)
    chosen = _chosen(config, components)
    async with _lent(gateway, send_to) as probes:
        deadline = asyncio.get_running_loop().time() + SECONDS
        subjects = [*_parts(gateway, probes, chosen)]
        if chosen is None:
            subjects = [*_database(gateway, probes), *_engine(config, probes), *subjects]
            subjects.append(Subject("process", "", process_checks(config)))
        store, *done = await asyncio.gather(
            _store_examined(gateway, probes, deadline), *(_examined(subject, deadline) for subject in subjects)
        )
    return [*(store if chosen is None else []), *(each for some in done for each in some)]


@asynccontextmanager
async def _lent(gateway: Gateway, send_to: str) -> AsyncIterator[Probes]:
    async with gateway.calling_out():
        probes = Probes(gateway.http, send_to)
        try:
            yield probes
        finally:
            await probes.close()


async def _store_examined(gateway: Gateway, probes: Probes, deadline: float) -> list[Examined]:
    """Examine the store, and open it if it is well: in it lie the tokens of the gateways that run."""
    try:
        found = await _examined(_store(gateway, probes), deadline)
        if all(each.result != "fail" for each in found):
            await gateway.tokens.open()
            async with asyncio.timeout_at(deadline):
                await gateway.store.open()
    except TimeoutError:
        pass  # then it is away, as it would be for a gateway
    finally:
        probes.store_settled.set()
    return found


def _chosen(config: Config, components: Sequence[str]) -> set[str] | None:
    """Return the paths of these components; None if none is named. LookupError for one that is not declared."""
    if not components:
        return None
    paths: set[str] = set()
    for wanted in components:
        found = {
            stanza.path
            for stanza in config.components
            if wanted == stanza.name or _slashed(wanted) in map(_slashed, (stanza.path, *stanza.aliases))
        }
        if not found:
            raise LookupError(wanted)
        paths |= found
    return paths


def _slashed(path: str) -> str:
    return path.strip("/")


# Subjects


def _store(gateway: Gateway, probes: Probes) -> Subject:
    stanza = gateway.config.services.get("store")
    place = "" if stanza is None else f"{stanza.section.file}:{stanza.section.line}"
    config = getattr(gateway.store, "config", None)
    return Subject("services.store", place, _offered(gateway.store, probes), secrets_of(config))


def _database(gateway: Gateway, probes: Probes) -> Iterator[Subject]:
    """Yield the database as a subject, if there is one."""
    config = gateway.config
    if gateway.database is not None and config.root is not None:
        section = deepest(config.root, "services", "database")
        checks = [
            *database_checks(config, gateway.database, probes),
            *delivery_checks(config, gateway.database, probes),
        ]
        yield Subject("services.database", f"{section.file}:{section.line}", checks, secrets_of(config.database))


def _engine(config: Config, probes: Probes) -> Iterator[Subject]:
    """Yield what tells processes of deliveries as a subject, if it is a server."""
    checks = engine_checks(config, probes)
    if checks and config.delivery_engine is not None:
        section = config.delivery_engine.section
        yield Subject("deliveries.engine", f"{section.file}:{section.line}", checks)


def _parts(gateway: Gateway, probes: Probes, chosen: set[str] | None) -> Iterable[Subject]:
    """Yield the subjects in the order of the configuration: services and middlewares only if no component is named."""
    services = {id(part): f"services.{kind}" for kind, part in gateway.generation.services.items()}
    for part in gateway.generation.parts:
        stanza = part.stanza
        if isinstance(stanza, ComponentStanza):
            if chosen is None or stanza.path in chosen:
                yield _component(part, stanza, probes)
        elif chosen is None and (checks := _offered(part.instance, probes)):
            yield Subject(services.get(id(part), part.name), _place(part), checks, secrets_of(part.config))


def _component(part: Part, stanza: ComponentStanza, probes: Probes) -> Subject:
    name = f"{stanza.name} (test)" if part.name != stanza.path else stanza.name
    if not stanza.active:
        return Subject(name, _place(part), [_told_at_once("active", "it is switched on", SWITCHED_OFF)])
    checks = _offered(part.instance, probes) or [_told_at_once("checks", "it can be asked", NONE_OFFERED)]
    return Subject(name, _place(part), checks, secrets_of(part.config))


def _place(part: Part) -> str:
    section = part.stanza.section
    return f"{section.file}:{section.line}"


def _offered(instance: Any, probes: Probes) -> Sequence[Check]:
    """Return the checks that an instance offers; one that says so if its own code fails to."""
    offer = getattr(instance, "checks", None)
    if offer is None:
        return ()
    try:
        return [*offer(probes)]
    except Exception as error:  # noqa: BLE001 - one plugin's bug must not keep the others from being looked at
        return [_told_at_once("checks", "it can be asked", f"its own code fails: {type(error).__name__}", "fail")]


def _told_at_once(check: str, what: str, cause: str, result: Result = "skipped") -> Check:
    async def run() -> Finding:
        return Finding(result, cause)

    return Check(check, what, run)


# Checks


async def _examined(subject: Subject, deadline: float) -> list[Examined]:
    """Run the checks of each part of a subject in order, up to the first that fails; the parts at once."""
    parts = [[*checks] for _, checks in groupby(subject.checks, attrgetter("part"))]
    done = await asyncio.gather(*(_in_order(subject, checks, deadline) for checks in parts))
    return [each for some in done for each in some]


async def _in_order(subject: Subject, checks: Sequence[Check], deadline: float) -> list[Examined]:
    done: list[Examined] = []
    failed = ""
    loop = asyncio.get_running_loop()
    for check in checks:
        started = loop.time()
        if failed:
            finding = Finding("skipped", f"not tried: {failed} has failed")
        else:
            finding = await _found(check, min(deadline, started + CHECK_SECONDS))
        if finding.result == "fail":
            failed = check.id
        told = _told(finding.cause, subject.secrets), _told(finding.fix, subject.secrets)
        took = round(1000 * (loop.time() - started))
        what = _told(check.what, subject.secrets)
        done.append(Examined(subject.name, subject.place, check.id, what, finding.result, *told, took))
    return done


async def _found(check: Check, deadline: float) -> Finding:
    """Return what a check finds, or how it fails to. Of an error that is no EsbError only the type is told."""
    try:
        async with asyncio.timeout_at(deadline):
            return await check.run()
    except TimeoutError:
        return Finding("fail", NOT_IN_TIME, SILENT_FIX)
    except UpstreamError as error:
        return Finding("fail", str(error.reason), UPSTREAM_FIX)
    except EsbError as error:
        return Finding("fail", str(error), UPSTREAM_FIX)
    except Exception as error:  # noqa: BLE001 - one check's bug must not keep the others from being told
        return Finding("fail", f"the check itself failed: {type(error).__name__}", "report it to the plugin's author")


def _told(text: str, secrets: Sequence[str]) -> str:
    """Return a text on one line: without secrets, with no more of a URL than its host, and nothing for a terminal."""
    return str(escaped(_URL.sub(r"\1\2", redacted(" ".join(text.split()), secrets))))
