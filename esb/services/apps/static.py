"""services.apps, use: static: apps as they stand in esb.yaml."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, SecretStr

from esb.contracts.explain import Decision, Question, refused
from esb.contracts.services import ProcessServices, Service
from esb.core.call import App, Call
from esb.core.errors import AuthenticationError
from esb.services._refusals import bad_secret, unknown_app
from esb.services._unique import each_once
from esb.services.apps._rights import AppFiles, AppRights, Rights


class StaticApp(AppRights):
    """One app, and its secrets: several while one is being replaced. None of them is empty: anybody knows that one."""

    secrets: tuple[Annotated[SecretStr, Field(min_length=1)], ...] = Field(
        description="its secrets; several while one is replaced"
    )


class AppsConfig(AppFiles):
    """Apps that stand in esb.yaml."""

    apps: Annotated[tuple[StaticApp, ...], each_once("code")] = Field((), description="who may call")


@dataclass(frozen=True, slots=True)
class _Entry:
    secrets: Sequence[bytes]
    rights: Rights


class StaticApps(Service[AppsConfig]):
    """services.apps, use: static."""

    service = "apps"
    config_type = AppsConfig

    def __init__(self, config: AppsConfig, services: ProcessServices) -> None:
        super().__init__(config, services)
        self._apps = {
            entry.code: _Entry(
                [secret.get_secret_value().encode() for secret in entry.secrets], entry.rights("apps", index)
            )
            for index, entry in enumerate(config.apps)
        }

    async def verify(self, call: Call, code: str, secret: str) -> App:
        entry = self._apps.get(code)
        if entry is None:
            raise unknown_app(code)
        offered = secret.encode()
        number = 0
        for place, known in enumerate(entry.secrets, 1):  # all of them: no early exit to measure
            if hmac.compare_digest(offered, known):
                number = place
        if not number:
            raise bad_secret(code)
        call.record.secret_number = number
        return entry.rights.lasting or entry.rights.at(self.services.clock.since_1970())

    async def secrets(self, call: Call, code: str) -> Sequence[bytes]:
        return self._entry(code).secrets

    async def rights(self, call: Call, code: str) -> App:
        rights = self._entry(code).rights
        return rights.lasting or rights.at(self.services.clock.since_1970())

    async def explain(self, question: Question) -> Decision:
        """Return what becomes of a call of this app that brings one of its secrets, or is signed with one."""
        try:
            entry = self._entry(question.app_code)
        except AuthenticationError as error:
            return refused(error)
        number = len(entry.secrets)
        return entry.rights.explained(
            question, "1 secret, without an end" if number == 1 else f"{number} secrets, without an end"
        )

    def _entry(self, code: str) -> _Entry:
        try:
            return self._apps[code]
        except KeyError:
            raise unknown_app(code) from None
