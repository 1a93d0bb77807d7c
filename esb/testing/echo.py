"""A component that answers what it was called with, for tests of what stands before it."""

from typing import Any

from pydantic import ConfigDict

from esb import Call, Component, NoConfig, Params


class AnyParams(Params):
    """Takes whatever comes."""

    model_config = ConfigDict(extra="allow")


class Echo(Component[NoConfig, AnyParams]):
    """Answers who calls and with what, as the middlewares let it through."""

    params_type = AnyParams
    has_environments = False

    async def handle(self, call: Call, params: AnyParams) -> dict[str, Any]:
        return {
            "app": call.app.code if call.app else None,
            "user": call.user.username if call.user else None,
            "args": dict(call.args),
        }
