"""Checks of the database of `services.database`: the way there, the server, its schema and its keys."""

import stat
from collections.abc import Awaitable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from esb.config import Config
from esb.contracts.checks import Check, Finding
from esb.contracts.probes import Probes
from esb.core.errors import GatewayError
from esb.outgoing.reachability import Place

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.engine import Database
    from esb.database.facts import DatabaseFacts

KEY = "services.database.url"
PORTS = {"postgresql": 5432, "mysql": 3306}
OLDEST = {"SQLite": (3, 35), "PostgreSQL": (13,), "MySQL": (8, 0), "MariaDB": (10, 6)}
"""The oldest versions that it is made for. Before MySQL 8.0 and MariaDB 10.6, a change of the schema that is cut off
may be half done, and there is no SKIP LOCKED: those who deliver would wait for each other.
"""
SLOW_SECONDS = 0.1
"""Seconds of an answer from which on it is slow: a command asks some twenty times."""
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs"})
"""File systems on which SQLite's locks do not hold, or its shared memory is not shared."""
MOUNTS = Path("/proc/self/mountinfo")
OTHER_FIX = f"look at the log of the database, and whether {KEY} leads to it"
REMOTE_FIX = "put the file on a disk of this machine, or use PostgreSQL or MySQL"
READABLE_FIX = "chmod 600: it holds who may do what, and its secrets, encrypted"
MODE_FIX = "set sql_mode to STRICT_TRANS_TABLES: other programs that write to it would be cut short without a word"


def database_checks(config: Config, database: "Database", probes: Probes) -> Sequence[Check]:
    """Return the checks of this database, in the order in which one needs the other."""
    asked = _Checks(database, probes)
    if database.file is not None:
        first = [
            Check("database_place", "the file of the database is on a disk of this machine", asked.place),
            Check("database_file", "the file of the database is its owner's alone", asked.readers),
        ]
    else:
        first = [*_way(config, probes)]
    return [
        *first,
        Check("database_login", "the database lets the gateway in", asked.login),
        Check("database_version", "the database is new enough", asked.version),
        Check("database_mode", "the database cuts no texts short", asked.mode),
        Check("database_latency", "the database is quick", asked.latency),
        Check("database_schema", "the database has the schema that this version needs", asked.schema),
        Check("database_key", "the keys decrypt what the database keeps", asked.key),
    ]


def _way(config: Config, probes: Probes) -> Iterator[Check]:
    """Yield the checks of the way to a server; none for a Unix socket."""
    parts = urlsplit(config.database.url.get_secret_value() if config.database else "")
    if "socket=" not in parts.query:
        place = Place(parts.hostname or "localhost", parts.port or PORTS[parts.scheme], False)
        yield from probes.reach_place(place, KEY)


class _Checks:
    def __init__(self, database: "Database", probes: Probes) -> None:
        self._database = database
        self._probes = probes

    def _facts(self) -> "Awaitable[DatabaseFacts]":
        from esb.database.facts import database_facts

        return self._probes.once("database", partial(database_facts, self._database))

    async def place(self) -> Finding:
        assert self._database.file is not None  # noqa: S101 - else it is not asked for
        kind = file_system(self._database.file)
        if kind in REMOTE:
            return Finding("fail", f"it lies on {kind}", REMOTE_FIX)
        return Finding("ok", kind)

    async def readers(self) -> Finding:
        assert self._database.file is not None  # noqa: S101 - else it is not asked for
        try:
            mode = self._database.file.stat().st_mode
        except FileNotFoundError:
            return Finding("fail", "there is none yet", "run `esb db upgrade`")
        except OSError as error:
            from esb.database.trouble import FIXES, NO_FILE

            return Finding("fail", error.strerror or "", FIXES[NO_FILE])
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            return Finding("warn", f"others may look at it ({stat.filemode(mode)})", READABLE_FIX)
        return Finding("ok")

    async def login(self) -> Finding:
        try:
            await self._facts()
        except GatewayError as error:
            from esb.database.trouble import FIXES

            return Finding("fail", str(error), FIXES.get(str(error), OTHER_FIX))
        return Finding("ok")

    async def version(self) -> Finding:
        facts = await self._facts()
        told = f"{facts.product} {'.'.join(map(str, facts.version))}"
        oldest = OLDEST[facts.product]
        if facts.version < oldest:
            return Finding("fail", told, f"use {facts.product} {'.'.join(map(str, oldest))} or newer")
        return Finding("ok", told)

    async def mode(self) -> Finding:
        facts = await self._facts()
        if facts.product in {"MySQL", "MariaDB"} and "STRICT_" not in facts.mode:
            return Finding("warn", "its default mode is not strict; the gateway's own connections are", MODE_FIX)
        return Finding("ok")

    async def latency(self) -> Finding:
        seconds = (await self._facts()).seconds
        cause = f"{1000 * seconds:.1f} ms an answer"
        return Finding("warn", cause, "move it closer") if seconds >= SLOW_SECONDS else Finding("ok", cause)

    async def schema(self) -> Finding:
        schema = (await self._facts()).schema
        cause, _, fix = schema.mismatch.partition(": ")
        return Finding("fail", cause, fix) if cause else Finding("ok", schema.revision)

    async def key(self) -> Finding:
        lost = (await self._facts()).lost_key
        cause, _, fix = lost.partition(": ")
        return Finding("fail", cause, fix) if lost else Finding("ok")


def file_system(file: Path) -> str:
    """Return the kind of file system on which a file lies, or would lie; "" if this system does not tell."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place, best = file.resolve(), ("", "")
    for line in lines:
        mount, _, kinds = line.partition(" - ")
        point = mount.split(" ")[4].encode().decode("unicode_escape")
        if place.is_relative_to(point) and len(point) >= len(best[0]):  # what was mounted last covers the others
            best = point, kinds.split(" ")[0]
    return best[1]
