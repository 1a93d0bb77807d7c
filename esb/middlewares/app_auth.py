"""Which app is calling: its code and secret, compared by the service that knows apps."""

from dataclasses import replace
from typing import Any

from esb.call import Call
from esb.component import ChainServices, NoConfig
from esb.errors import AuthenticationError
from esb.middleware import Handler


class AppAuth:
    """Sets `call.app`, or refuses the call."""

    config_type = NoConfig

    def __init__(self, config: NoConfig, services: ChainServices) -> None:
        self._apps = services.apps

    async def __call__(self, call: Call, handler: Handler) -> Any:
        credentials = call.credentials
        code = credentials.first("bk_app_code", "app_code")
        secret = credentials.first("bk_app_secret", "app_secret")
        if not secret:
            raise AuthenticationError(
                "Signature [bk_signature] and APP Secret [bk_app_secret] cannot be empty at the same time"
            )
        if not code:
            raise AuthenticationError("APP Code [bk_app_code] cannot be empty")
        app = await self._apps.verify(call, code, secret)
        call.record.app = app.code
        return await handler(replace(call, app=app))
