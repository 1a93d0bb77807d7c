"""The failures of calls. None of them shows a credential."""

from collections.abc import Mapping
from typing import Any

from esb.client.answers import SendAnswer, tells_receivers


class EsbError(Exception):
    """A call that failed. Its text is the gateway's, in the language that was asked for.

    `code` is the gateway's, None if there was no answer; `data` what it knows of the failure; `answer`, of a message,
    the fate of every receiver. `retryable`: the same call may work later, after `retry_after` seconds if that is known.
    """

    def __init__(
        self,
        message: str,
        code: int | None = None,
        data: Any = None,
        *,
        request_id: str = "",
        status: int = 200,
        answer: SendAnswer | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.data = data
        self.request_id = request_id
        self.status = status
        self.answer = answer

    def __str__(self) -> str:
        told = [f"[{self.code}] {self.message}" if self.code is not None else self.message]
        if self.request_id:
            told.append(f"request id {self.request_id}")
        return "; ".join(told)

    @property
    def hint(self) -> str:
        """Cause and remedy, "" if the gateway gives none."""
        return str(self._told("hint") or "")

    @property
    def retryable(self) -> bool:
        """True if the same call may work later."""
        return bool(self._told("retryable")) or self.status == 503

    @property
    def retry_after(self) -> float | None:
        """The seconds after which the same call may work, None if nobody knows."""
        seconds = self._told("retry_after")
        return float(seconds) if isinstance(seconds, int | float) else None

    def _told(self, name: str) -> Any:
        return self.data.get(name) if isinstance(self.data, Mapping) else None


class UpstreamError(EsbError):
    """A system behind the gateway is down, slow or answers nonsense (1306201)."""


class NoTestEnvironment(EsbError):
    """The component has no test environment (1306206)."""


class PermissionDenied(EsbError):
    """The app may not call this component (1306403)."""


class NotFound(EsbError):
    """There is no such component (1306404)."""


class SwitchedOff(EsbError):
    """The component is switched off (1306405)."""


class BadRequest(EsbError):
    """The gateway cannot read the call, or a key or a dry run does not fit it (1306406)."""


class Limited(EsbError):
    """Too much for now (1306429)."""

    @property
    def retryable(self) -> bool:
        return self._told("retryable") is not False


class NoAnswer(EsbError):
    """No answer came, or none that the gateway makes. `sent`: the call may have been carried out all the same."""

    def __init__(self, message: str, *, sent: bool, status: int = 0) -> None:
        super().__init__(message, status=status)
        self.sent = sent


def cause(error: Exception) -> str:
    """Say why no answer came, in the words of an HTTP library, none of which quotes what was sent."""
    return "timed out" if isinstance(error, TimeoutError) else f"{type(error).__name__} {error}".strip()


CODES: dict[int, type[EsbError]] = {
    1306201: UpstreamError,
    1306206: NoTestEnvironment,
    1306403: PermissionDenied,
    1306404: NotFound,
    1306405: SwitchedOff,
    1306406: BadRequest,
    1306429: Limited,
}
"""Codes of the gateway -> the errors that they are; any other is an EsbError."""


def error_of(envelope: Mapping[str, Any], status: int) -> EsbError:
    """Make the error of an envelope whose result is false."""
    code, data = envelope.get("code"), envelope.get("data")
    request_id = str(envelope.get("request_id", ""))
    kind = CODES.get(code, EsbError) if isinstance(code, int) else EsbError
    return kind(
        str(envelope.get("message", "")),
        code if isinstance(code, int) else None,
        data,
        request_id=request_id,
        status=status,
        answer=SendAnswer.read(data, request_id) if tells_receivers(data) else None,
    )
