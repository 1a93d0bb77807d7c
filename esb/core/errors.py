"""The errors that somebody outside can see.

    GatewayError
    ├── ConfigError              what is wrong with esb.yaml, all of it at once (operators)
    ├── PluginMistake            what is wrong with a plugin (its author); to the caller it is a crash
    └── EsbError         1306000 a call failed; ingress turns it into the envelope (callers)
        ├── Refused              a third-party system answered, and said no
        ├── AuthenticationError  who the caller is could not be established
        ├── ParameterError       the component's parameters are wrong
        ├── RequestError 1306406 the request itself is wrong: header, size, form
        │   ├── BadBody              its body cannot be read
        │   │   └── TooLarge         it is over the limit (HTTP 413)
        │   └── Unreadable           it is not HTTP (HTTP 400)
        │       ├── TargetTooLong    its address is too long (HTTP 414)
        │       └── HeadersTooLarge  its headers are too long, or too many (HTTP 431)
        ├── PermissionDenied     1306403
        ├── NotFound     1306404 no such path or method (HTTP 404)
        ├── Inactive     1306405
        ├── GatewayJwtError      1306408
        ├── Limited      1306429 too much for now; `retry_after` seconds
        │   └── QuotaUsedUp      too much for a third-party system
        ├── NoTestEnvironment    1306206
        ├── Draining     1306000 the gateway is going away (HTTP 503)
        └── UpstreamError        1306201 a third-party system failed, and whether it may have acted
            └── Unreachable              no connection came about; another host may do better

Codes and texts are those of the BlueKing ESB, because clients match on them.
"""

from typing import Any, ClassVar, Literal, NamedTuple, Self

from esb.core.messages import Message as Message  # who raises an error writes its text
from esb.core.messages import template as template
from esb.core.messages import untranslated as untranslated
from esb.core.reasons import Reason

Source = Literal["caller", "gateway", "upstream"]


class GatewayError(Exception):
    """The root of the gateway's own errors."""


class Mistake(NamedTuple):
    """One thing wrong in a config file: where it stands, which key, and what to do about it."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.text}"


class ConfigError(GatewayError):
    """All that is wrong with the configuration, in the order of the files."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)

    @property
    def bug(self) -> Exception | None:
        """The first error of a plugin behind a mistake, for its author; None if the configuration alone is wrong."""
        error = self.__cause__
        while isinstance(error, GatewayError):
            error = error.__cause__
        return error if isinstance(error, Exception) else None


class PluginMistake(GatewayError):
    """A plugin does what its contract does not allow: a bug, and the log has its text, so that holds no value."""


class EsbError(GatewayError):
    """The failure of a call, as its caller reads it.

    `text` is an English template (the catalogues' key), `values` fill it; `data` becomes the envelope's data.
    Nothing in them may be a secret. `EsbError("no greeting for {name}", name=name)`; and so its subclasses.
    """

    code: ClassVar[int] = 1306000
    status: ClassVar[int] = 200
    source: ClassVar[Source] = "caller"
    """The side that the trouble comes from, for those who count errors."""
    call_reason: Reason = Reason.COMPONENT
    """The reason that the log gives for the failure; a constructor's argument where the class has several."""

    def __init__(self, text: str, /, data: Any = None, *, call_reason: Reason | None = None, **values: Any) -> None:
        if call_reason is not None:
            self.call_reason = call_reason
        self.message = Message(text, values)
        self.data = data
        super().__init__(text)

    def __str__(self) -> str:
        return self.message.render()

    def with_data(self, data: Any) -> Self:
        """Return the same error with this data: others may wait for this one too, and see it as it is."""
        return self._but(data=data)

    def _but(self, **changes: Any) -> Self:
        twin = type(self).__new__(type(self), *self.args)  # and no constructor: each class has one of its own
        vars(twin).update(vars(self), **changes)
        return twin


class Refused(EsbError):
    """A refusal by a third-party system, which answered."""

    source = "upstream"
    call_reason = Reason.REFUSED


class AuthenticationError(EsbError):
    """The calling app or its user could not be identified."""

    call_reason = Reason.AUTHENTICATION


class ParameterError(EsbError):
    """A parameter of the component is missing or wrong."""

    call_reason = Reason.PARAMETERS


class RequestError(EsbError):
    """The request around the parameters is wrong."""

    code = 1306406
    call_reason = Reason.REQUEST


class BadBody(RequestError):
    """The body cannot be read, or not as what the component needs."""

    call_reason = Reason.BODY


class TooLarge(BadBody):
    """The body is over the limit."""

    status = 413


class Unreadable(RequestError):
    """The request is not HTTP."""

    status = 400


class TargetTooLong(Unreadable):
    """The address in the request line is over the limit."""

    status = 414


class HeadersTooLarge(Unreadable):
    """A header is over the limit, or there are too many."""

    status = 431


class PermissionDenied(EsbError):
    """The app may not call this component."""

    code = 1306403
    call_reason = Reason.NOT_PERMITTED


class NotFound(EsbError):
    """There is no component at this path and method."""

    code = 1306404
    status = 404
    call_reason = Reason.NOT_FOUND


class Inactive(EsbError):
    """The component is declared, and switched off."""

    code = 1306405
    call_reason = Reason.INACTIVE


class NoTestEnvironment(EsbError):
    """The call asks for a test environment, and the component has none."""

    code = 1306206
    call_reason = Reason.NO_TEST_ENVIRONMENT


class GatewayJwtError(EsbError):
    """X-Bkapi-JWT could not be verified."""

    code = 1306408
    call_reason = Reason.TOKEN_INVALID


class Limited(EsbError):
    """A limit that is reached for now: `Limited("app {app} calls too often", 30, app=code)`; 30 is in seconds."""

    code = 1306429
    source: ClassVar[Source] = "gateway"
    call_reason = Reason.RATE_LIMITED

    def __init__(self, text: str, /, retry_after: float, data: Any = None, **values: Any) -> None:
        self.retry_after = retry_after
        if data is None:
            data = {"retry_after": retry_after}
        super().__init__(text, data, **values)


class QuotaUsedUp(Limited):
    """A third-party system takes no more for now."""

    source = "upstream"
    call_reason = Reason.QUOTA


class Draining(EsbError):
    """The gateway is shutting down and takes no new calls."""

    status = 503
    source = "gateway"
    call_reason = Reason.DRAINING


class UpstreamError(EsbError):
    """A third-party system failed: `UpstreamError("ldap", "search", "the server is busy", sent=False)`.

    `sent` says whether it may have acted all the same: False only if it provably did not. `transient`: the same request
    may do better in a moment; not so if it was refused. `http_status` is its HTTP status where there was one.
    """

    code = 1306201
    source = "upstream"
    call_reason = Reason.UPSTREAM

    def __init__(
        self,
        system: str,
        interface: str,
        reason: Message | str,
        *,
        sent: bool = True,
        transient: bool | None = None,
        http_status: int | None = None,
        data: Any = None,
        call_reason: Reason | None = None,
    ) -> None:
        self.system = system
        self.interface = interface
        self.reason = Message(reason) if isinstance(reason, str) else reason
        self.sent = sent
        self.transient = sent if transient is None else transient
        self.http_status = http_status
        super().__init__(
            template(
                "Component request third-party system [{system}] interface [{interface}] error: {reason}, "
                "please try again later or contact component developer to handle this"
            ),
            data,
            call_reason=call_reason,
            system=system,
            interface=interface,
            reason=self.reason,
        )

    def with_sent(self, sent: bool) -> Self:
        """Return the same error for a caller to whom `sent` means another request than the one that failed."""
        return self._but(sent=sent)


class Unreachable(UpstreamError):
    """A third-party system to which no connection came about, so it provably did nothing."""


def first_esb_error(error: BaseException) -> EsbError | None:
    """Return the error itself if it is an EsbError, or the first one in an exception group; None if there is none."""
    if isinstance(error, EsbError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(first_esb_error, error.exceptions)), None)
    return None
