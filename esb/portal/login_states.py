"""Users by their login state, as `services.login` of the configuration of the moment knows them.

The portal may run where no calls are answered, so it has a back end of its own: built and opened when somebody asks
first, and anew after a reload. An answer is remembered for some seconds.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import cast

from esb.config import Config
from esb.contracts.services import Login
from esb.core.clock import Clock, SystemClock
from esb.core.errors import AuthenticationError, ConfigError, EsbError, template
from esb.core.lru import Recent
from esb.core.nobodys_call import nobodys_call
from esb.core.single_flight import Lookup
from esb.gateway.app import Gateway
from esb.incoming.in_flight import InFlight
from esb.portal.page import Refused

LONGEST_TOKEN = 4096
"""Characters of a login state: no browser sends a longer cookie."""
KEPT, REFUSAL_KEPT = 10.0, 5.0
"""Seconds for which an answer counts: several pages in a row ask once, and who logs out elsewhere is out soon."""
ASKED_AT_ONCE = 16
"""Questions under way: visitors whom nobody knows must not keep the login service busy."""
SECONDS = 10.0
"""The time that the login service has for an answer."""
OPEN_SECONDS = 10.0
"""The time in which a back end and the store have to open."""
SESSIONS, LASTS = 1000, 12 * 3600.0
"""Developers who have typed in their login state, and the seconds for which it is kept: a working day."""
AWAY = template("The login service cannot be asked now. Try again in a moment.")


class LoginStates:
    """The login service as the portal asks it, and the login states that were typed in."""

    def __init__(self, config: Callable[[], Config], clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._building = asyncio.Lock()
        self._built: _Built | None = None
        self._retiring: dict[asyncio.Task[None], _Built] = {}
        self._typed: Recent[str, _Typed] = Recent(SESSIONS)

    async def username(self, token: str) -> str:
        """Return the user of a login state, "" if it is nobody's. Refused if it cannot be told now."""
        if not token or len(token) > LONGEST_TOKEN:
            return ""
        built = await self._current()
        if built.calls.number >= ASKED_AT_ONCE:
            raise Refused(503, AWAY)
        with built.calls:
            try:
                return await built.username(token)
            except AuthenticationError:
                return ""
            except EsbError as error:
                raise Refused(503, AWAY) from error

    def begin(self, token: str) -> str:
        """Keep a login state that was typed in; return what its cookie holds."""
        identity = secrets.token_urlsafe(32)
        self._typed[identity] = _Typed(token, self._clock() + LASTS)
        return identity

    def typed(self, identity: str) -> str:
        """Return the login state of this cookie, "" if there is none any more."""
        found = self._typed.used(identity)
        if found is not None and found.ends <= self._clock():
            self.end(identity)
            return ""
        return "" if found is None else found.token

    def end(self, identity: str) -> None:
        """Forget a login state."""
        self._typed.pop(identity, None)

    async def close(self) -> None:
        """Close what was opened; whoever still waits for an answer gets none."""
        retiring = dict(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        for built in filter(None, (*retiring.values(), self._built)):
            await built.close()

    async def _current(self) -> "_Built":
        config = self._config()
        async with self._building:
            if self._built is None or self._built.config is not config:
                previous, self._built = self._built, await _Built.opened(config, self._clock)
                if previous is not None:
                    self._retire(previous)
            return self._built

    def _retire(self, built: "_Built") -> None:
        """Close a back end after the last question to it."""
        task = asyncio.create_task(built.retired())
        self._retiring[task] = built
        task.add_done_callback(self._retiring.pop)


@dataclass(frozen=True, slots=True)
class _Typed:
    token: str = field(repr=False)
    ends: float


class _Built:
    """The back end of one configuration, open."""

    def __init__(self, config: Config, login: Login, clock: Clock, stack: AsyncExitStack) -> None:
        self.config = config
        self.calls = InFlight()
        self._login = login
        self._stack = stack
        self._closing: asyncio.Task[None] | None = None
        self._known: Lookup[bytes, str] = Lookup(
            ttl=KEPT, refusal=AuthenticationError, refusal_ttl=REFUSAL_KEPT, clock=clock
        )

    @classmethod
    async def opened(cls, config: Config, clock: Clock) -> "_Built":
        """Build and open it, without any component or middleware. Refused if that fails."""
        async with AsyncExitStack() as stack:
            try:
                gateway = Gateway(replace(config, components=(), middlewares=None), (), clock, None)
                await stack.enter_async_context(gateway.calling_out())
                await gateway.tokens.open()
                with suppress(TimeoutError):  # then it is away, as it would be for a gateway
                    async with asyncio.timeout(OPEN_SECONDS):
                        await gateway.store.open()
                part = gateway.generation.services["login"]
                part.hold()
                stack.push_async_callback(part.release)
                await part.open(asyncio.get_running_loop().time() + OPEN_SECONDS)
            except ConfigError as error:
                raise Refused(503, AWAY) from error
            return cls(config, cast(Login, part.instance), clock, stack.pop_all())
        raise AssertionError  # an exit stack swallows nothing here

    async def username(self, token: str) -> str:
        """Return the user of a login state. EsbError."""
        key = hashlib.sha256(token.encode()).digest()
        return await self._known.get(key, lambda: self._login.username(nobodys_call("portal.login", SECONDS), token))

    async def retired(self) -> None:
        """Close it after the last question."""
        await self.calls.ended()
        await self.close()

    async def close(self) -> None:
        """Close it now, once: whoever asks again, or is cancelled, leaves none of it open."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._known.close()
        await self._stack.aclose()
