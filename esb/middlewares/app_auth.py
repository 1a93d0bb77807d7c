"""Authentication of the app. A gateway's JWT comes first, then an access token, a signature, and last an app secret.

The first of these that is there is final: if it is bad, another that is good does not rescue the call. On a path with a
token, that token alone counts. Who fails for an app too often in a minute is told so instead of why; who is right is
let in all the same.
"""

import hashlib
import math
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

from pydantic import Field

from esb.config import ConfigModel
from esb.contracts.explain import Decision, Question, refused
from esb.contracts.middleware import Handler, Middleware
from esb.contracts.services import ChainServices, Identity, NumberedSecrets
from esb.core.call import App, Call, Signed, claimed_app
from esb.core.errors import AuthenticationError, GatewayJwtError, Limited, template
from esb.core.events import AuthenticationLimited
from esb.core.reasons import Reason
from esb.incoming import signature
from esb.middlewares._failed_attempts import LONGEST_CODE, FailedAttempts
from esb.middlewares._identity import identity_by_token
from esb.store.keyspaces import NONCE, key_of
from esb.store.protocol import ShareFull

CLOCKS_APART = 60
"""Seconds that a nonce is remembered beyond the end of its timestamp: clocks lag, or are set back."""
WRONG_SECRETS = template(
    "Too many failed authentications of APP [{code}] from this address, please check its credentials and try again"
    " later"
)
WRONG_TOKENS = template(
    "Too many wrong tokens in the address [{code}] from this address, please check it and try again later"
)


class AppAuthConfig(ConfigModel):
    """How often somebody may be wrong."""

    failures_per_minute: int = Field(
        300, ge=1, description="failed authentications from one address for one app; then they are answered 1306429"
    )


class AppAuth(Middleware[AppAuthConfig]):
    """Set `call.app`, and `call.user` where a token names one too; or refuse the call."""

    config_type = AppAuthConfig
    early = True

    def __init__(self, config: AppAuthConfig, services: ChainServices) -> None:
        super().__init__(config, services)
        self._apps = services.apps
        self._failed = FailedAttempts(services.clock, config.failures_per_minute)

    async def __call__(self, call: Call, handler: Handler) -> Any:
        try:
            if call.credentials.brings_token:
                call = await self._identified(call, *await identity_by_token(self.services, call))
            else:
                code, signed = claimed_app(call.credentials.claims), call.credentials.signed
                if signed is not None:
                    app = await self._by_signature(call, code, signed)
                elif (path_app := call.credentials.path_app) is not None:
                    app = await self._by_path_token(call, path_app)
                else:
                    app = await self._by_secret(call, code)
                call.record.app = app.code
                call = call.made_by(app, call.user)
        except (AuthenticationError, GatewayJwtError):
            self._count_failure(call)
            raise
        return await handler(call)

    async def explain(self, question: Question) -> Decision | None:
        """Return what the directory of apps says of one that proves who it is; None if that one does not explain."""
        if question.call.credentials.path_app == "":
            return refused(_no_token(), f"{question.app_code} has no token in the address")
        explain = getattr(self._apps, "explain", None)
        decision: Decision | None = None if explain is None else await explain(question)
        return None if decision is None else replace(decision, service="apps")

    def _count_failure(self, call: Call) -> None:
        """Count a failure for the app that the call claims to be, or for the path in which a token is wrong.

        Limited if there are too many; the first one tells. A call that claims no app guesses no secret.
        """
        by_token = call.credentials.path_app is not None
        code = call.path if by_token else claimed_app(call.credentials.claims)
        if not code:
            return
        over, seconds = self._failed.count(call.client_ip, code)
        if over == 1:
            self.services.observer.emit(AuthenticationLimited(call.client_ip, code[:LONGEST_CODE], seconds))
        if over > 0:
            text = WRONG_TOKENS if by_token else WRONG_SECRETS
            raise Limited(
                text,
                retry_after=math.ceil(seconds),
                call_reason=Reason.FAILURES_LIMITED,
                code=code[:LONGEST_CODE],
            )

    async def _identified(self, call: Call, identity: Identity, source: str) -> Call:
        app = await self._apps.rights(call, identity.app_code)
        call.record.app = app.code
        if identity.user is not None:
            call.record.user = identity.user.username
            call.record.user_source = source
        return call.made_by(app, identity.user)

    async def _by_signature(self, call: Call, code: str, signed: Signed) -> App:
        nonce = signature.nonce(signed.query)
        timestamp = signature.timestamp(signed.query, self.services.clock.since_1970())
        if not code:
            raise AuthenticationError("APP Code [bk_app_code] cannot be empty", call_reason=Reason.APP_MISSING)
        signature.check_unambiguous(signed)
        secrets = await self._apps.secrets(call, code)
        number = await signature.verified(signed, secrets)
        if not number:
            raise AuthenticationError(
                "Signature [bk_signature] verification failed, please provide valid parameters and signature",
                call_reason=Reason.SIGNATURE_WRONG,
            )
        if isinstance(secrets, NumberedSecrets):
            number = call.record.secret_id = secrets.numbers[number - 1]
        call.record.secret_number = number
        await self._use_up(code, timestamp, nonce)
        return await self._apps.rights(call, code)

    async def _use_up(self, code: str, timestamp: int, nonce: int) -> None:
        """Remember the nonce until its timestamp is refused anyway. Last of all: only who can sign fills the store."""
        digest = hashlib.sha256(f"{timestamp}:{nonce}:{code}".encode()).hexdigest()
        left = timestamp + signature.WINDOW - self.services.clock.since_1970()
        try:
            is_new = await self.services.nonces.add(key_of(NONCE, code, digest), left + CLOCKS_APART)
        except ShareFull as full:
            raise Limited(
                "Too many signed requests of APP [{code}] within a few minutes, please try again later",
                retry_after=max(1.0, round(full.seconds, 1)),
                code=code[:LONGEST_CODE],
            ) from None
        if not is_new:
            raise AuthenticationError("Parameter bk_nonce is illegal, it has been used", call_reason=Reason.NONCE_USED)

    async def _by_path_token(self, call: Call, code: str) -> App:
        if not code:
            raise _no_token()
        return await self._apps.rights(call, code)

    def _by_secret(self, call: Call, code: str) -> Awaitable[App]:
        claims = call.credentials.claims
        secret = claims.get("bk_app_secret") or claims.get("app_secret")
        if not secret:
            raise AuthenticationError(
                "Signature [bk_signature] and APP Secret [bk_app_secret] cannot be empty at the same time",
                call_reason=Reason.SECRET_MISSING,
            )
        if not code:
            raise AuthenticationError("APP Code [bk_app_code] cannot be empty", call_reason=Reason.APP_MISSING)
        return self._apps.verify(call, code, secret)


def _no_token() -> AuthenticationError:
    return AuthenticationError("The token in the address does not exist", call_reason=Reason.TOKEN_INVALID)
