"""Somebody to call as, and somebody to send to, for a first try: where there is a sandbox, and nobody comes from afar.

Filled in is what is no secret: the code of an app, the name of a user. The secret is filled in only if it is the one of
the documents' example, which everybody knows; of any other the page says in which line it stands.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from esb.config import Config, Portal, Stanza
from esb.core.host_names import is_loopback

KNOWN_SECRET = "demo-secret"  # noqa: S105 - that of the packaged configuration and of all documents
ANYBODY = "*"


@dataclass(frozen=True, slots=True)
class Sample:
    """Credentials by name, and the user to send to, "" for nobody; `secret_place` is where the app's secret stands."""

    caller: Mapping[str, str] = field(default_factory=dict)
    receiver: str = ""
    secret_place: str = ""


def sample(config: Config) -> Sample:
    """Return whom a first try can be made as; nobody if the portal is for more than this machine."""
    if not is_loopback((config.server.portal or Portal()).host):
        return Sample()
    user = next((each.get("username", "") for each, _ in _entries(config, "users", "users")), "")
    for app, place in _entries(config, "apps", "apps"):
        caller = {"bk_app_code": str(app.get("code", ""))}
        if user and ANYBODY in (app.get("impersonate") or ()):
            caller["bk_username"] = str(user)
        if KNOWN_SECRET in (app.get("secrets") or ()):
            return Sample({**caller, "bk_app_secret": KNOWN_SECRET}, str(user))
        return Sample(caller, str(user), place)
    return Sample(receiver=str(user))


def _entries(config: Config, service: str, key: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield what stands in esb.yaml itself of a directory, each entry with its place as FILE:LINE."""
    stanza = config.services.get(service)
    for each in () if stanza is None else stanza.asked:
        yield from _listed(each, key)


def _listed(stanza: Stanza, key: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    entries = stanza.config.children.get(key) if stanza.use == "static" else None
    for entry in () if entries is None else entries.children.values():
        if isinstance(entry.value, dict):
            secrets = entry.children.get("secrets", entry)
            yield entry.value, f"{Path(secrets.file).name}:{secrets.line}"
