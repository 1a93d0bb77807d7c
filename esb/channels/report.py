"""The report on a sending: whom it was for, how it went, and the words in which its caller is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from esb.channels.outcome import DeliveryOutcome, Failure
from esb.channels.recipients import Audience
from esb.core.errors import EsbError, Limited, Message, QuotaUsedUp, Refused


class Wording(Protocol):
    """A channel's words for a message that did not reach everybody."""

    @property
    def some_users(self) -> str:
        """The template that says of user names that they lead to nobody, with `{complaint}`."""
        ...

    @property
    def tells_class(self) -> bool:
        """True where an answer gives the class of a failure, and the seconds until another try may succeed."""
        ...

    def failure(self, audience: Audience, outcome: DeliveryOutcome, data: dict[str, Any]) -> EsbError | None:
        """Return the error that tells of this outcome, with this data and what it adds to it; None if all is well."""
        ...


@dataclass(slots=True)
class DeliveryReport:
    """A sending that is over, as a component returns it. `warnings`: entries for `data.warnings`."""

    audience: Audience
    outcome: DeliveryOutcome
    wording: Wording
    warnings: Sequence[Mapping[str, Any]] = ()

    def rendered(self) -> Any:
        """Return the answer's data; raise it as an error unless everybody was accepted."""
        audience, outcome, wording = self.audience, self.outcome, self.wording
        failed = _entries(audience, outcome.failed, wording.tells_class) if outcome.failed else ()
        data = audience.report(outcome.accepted, failed, outcome.unknown, outcome.msgids)
        if outcome.held:
            data["held"] = audience.names(outcome.held)
        if self.warnings:
            data["warnings"] = list(self.warnings)
        if failed or outcome.refusal is not None or outcome.error is not None:
            error = wording.failure(audience, outcome, data)
            if error is not None:
                raise error
        if audience.unknown_users or audience.without_contact:
            raise EsbError(wording.some_users, data, complaint=audience.complaint())
        if outcome.answered is None:
            return data
        if isinstance(outcome.answered, dict):
            return {**outcome.answered, **data}
        return outcome.answered  # data of another type was never touched


@dataclass(frozen=True, slots=True)
class PlainWording:
    """The words of a channel whose failures are in no table. `failed` says that sending failed."""

    failed: Callable[[Audience, DeliveryOutcome], Message]
    some_users: str
    tells_class: bool = False

    def failure(self, audience: Audience, outcome: DeliveryOutcome, data: dict[str, Any]) -> EsbError | None:
        """Return what stopped the sending, else a refusal; a limit if all that was refused was refused for now."""
        refusal = next((failure for failure in outcome.failed if failure.errcode is not None), None)
        if refusal is not None:
            data |= {"errcode": refusal.errcode, "errmsg": refusal.errmsg}
        error = outcome.error
        if error is not None:
            return error.with_data(data | {"retry_after": error.retry_after} if isinstance(error, Limited) else data)
        if not outcome.failed:
            return None
        text = self.failed(audience, outcome)
        waits = [failure.retry_after or 0.0 for failure in outcome.failed]
        if all(waits):
            data["retry_after"] = max(waits)
            return QuotaUsedUp(text.template, max(waits), data, **text.values)
        return Refused(text.template, data, **text.values)


def _entries(audience: Audience, failed: Sequence[Failure], tells_class: bool) -> list[dict[str, Any]]:
    return [_entry(failure, name, tells_class) for failure in failed for name in audience.names([failure.receiver])]


def _entry(failure: Failure, name: str, tells_class: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"receiver": name, "errcode": failure.errcode, "errmsg": failure.errmsg}
    if tells_class:
        entry["class"] = failure.kind
        if failure.retry_after is not None:
            entry["retry_after"] = failure.retry_after
    if failure.pages:
        entry |= {"pages_accepted": failure.pages, "pages": failure.of}
    return entry
