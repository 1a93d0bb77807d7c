"""The plan as files that esb.yaml can include: apps, components, and a file with mode 0600 for each secret."""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any
from urllib.parse import quote

from esb.cli.bkpaas.parts import AppPart, GrantPart, Secret
from esb.cli.bkpaas.plan import Plan
from esb.cli.stanza_writer import Reference, comment, document, entries
from esb.core.clock import utc_text
from esb.core.errors import GatewayError

SECRETS = "secrets"
APPS, BKAUTH_APPS, COMPONENTS = "apps.yaml", "bkauth_apps.yaml", "components.yaml"
LONGEST_NAME = 200
"""Characters of the name of a file; file systems have 255, and a number may come behind."""
ONLY_OWNER, ONLY_OWNER_ENTERS = 0o600, 0o700


class FilesDiffer(GatewayError):
    """Files that are there already, and are not what would be written."""


class YamlFiles:
    """The files of a plan. `secrets`: their texts by name; `texts`: those of the YAML files."""

    def __init__(self, plan: Plan, folder: Path, *, with_apps: bool) -> None:
        """Take the folder that they go to."""
        self._folder = folder
        self.secrets: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        origin = f"Written by `esb import bkpaas` from {', '.join(plan.files)}."
        if with_apps:
            self._add_apps(plan, origin)
        if plan.components:
            stanzas = [self._with_files(part.stanza) for part in plan.components]
            self.texts[COMPONENTS] = document(origin, stanzas)

    def write(self) -> list[Path]:
        """Write what is not there yet, secrets first. Return what was written. FilesDiffer: then nothing is written."""
        wanted = {
            self._folder / SECRETS / name: f"{secret}\n".encode("utf-8", "surrogateescape")
            for name, secret in self.secrets.items()
        }
        wanted |= {self._folder / name: text.encode("utf-8", "replace") for name, text in self.texts.items()}
        if other := [path for path, content in wanted.items() if path.exists() and path.read_bytes() != content]:
            names = ", ".join(map(str, other))
            raise FilesDiffer(f"nothing is written: {names}: there already, and other than they would be")
        missing = {path: content for path, content in wanted.items() if not path.exists()}
        if missing:
            self._folder.mkdir(parents=True, exist_ok=True)
        if any(path.parent.name == SECRETS for path in missing):
            (self._folder / SECRETS).mkdir(mode=ONLY_OWNER_ENTERS, exist_ok=True)
        for path, content in missing.items():
            mode = ONLY_OWNER if path.parent.name == SECRETS else 0o666
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with open(file, "wb") as opened:
                opened.write(content)
        return list(missing)

    def _add_apps(self, plan: Plan, origin: str) -> None:
        grants: dict[str, list[GrantPart]] = {}
        for grant in plan.grants:
            if grant.is_carried:
                grants.setdefault(grant.app, []).append(grant)
        keys = [(app, {**self._secrets(app), **_rights(plan, app.code, grants.get(app.code, ()))}) for app in plan.apps]
        for name, has_secrets, use in ((APPS, True, "static"), (BKAUTH_APPS, False, "bk_auth, which has the secrets")):
            if apps := [{"code": app.code, **each} for app, each in keys if bool(app.secrets) is has_secrets]:
                lines = [comment(f"{origin} For services.apps with use: {use}."), "version: 1", "apps:", *entries(apps)]
                self.texts[name] = "\n".join(lines) + "\n"

    def _secrets(self, app: AppPart) -> dict[str, Any]:
        files = [self._file(f"{app.code}-{number}", secret.value) for number, secret in enumerate(app.secrets, 1)]
        return {"secrets": files} if files else {}

    def _with_files(self, value: Any) -> Any:
        if isinstance(value, Secret):
            return self._file(value.source, value.value)
        if isinstance(value, Mapping):
            return {key: self._with_files(each) for key, each in value.items()}
        return [self._with_files(each) for each in value] if isinstance(value, list) else value

    def _file(self, name: str, secret: str) -> Reference:
        """Return a reference to a file with this secret, relative to the file in which it stands.

        Names are made of letters that every file system has.
        """
        start = re.sub(r"^\.", "%2E", quote(name, safe="", errors="replace"))[:LONGEST_NAME]
        names = chain([start], (f"{start}-{number}" for number in count(2)))
        safe = next(name for name in names if self.secrets.get(name, secret) == secret)
        self.secrets[safe] = secret
        return Reference(f"${{file:{SECRETS}/{safe}}}")


def _rights(plan: Plan, code: str, grants: Sequence[GrantPart]) -> dict[str, Any]:
    """Return what an app may do, as services.apps has it."""
    rights: dict[str, Any] = {"impersonate": ["*"]} if code in plan.impersonators else {}
    rights["components"] = sorted({*plan.open, *(grant.component for grant in grants if grant.end is None)})
    ending: dict[datetime, list[str]] = {}
    for grant in grants:
        if grant.end is not None:
            ending.setdefault(grant.end, []).append(grant.component)
    if ending:
        ends = sorted(ending.items())
        rights["grants"] = [{"components": names, "until": utc_text(end.timestamp())} for end, names in ends]
    return rights
