"""The attempts of one call: what is sent, when it is tried again, and what its caller gets. It does no I/O.

A generator yields what has to be done, and is sent the result; so both clients behave alike.
"""

import hashlib
import json
import random
import time
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from esb.client.answers import Answer, Missed, SendAnswer, tells_receivers
from esb.client.errors import EsbError, NoAnswer, error_of
from esb.client.settings import Settings

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer that are read; more is no answer."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds before the second attempt, doubled before each further one, where the gateway names none."""
LONGEST_KEY = 240
"""Characters of an idempotency key, of which the gateway takes 255: a round adds a few."""
RECEIVERS = ("receiver", "receiver__username")
"""Parameters that name the receivers; the first that is given counts."""
NOT_NARROWED = frozenset({"cc", "cc__username", "user_list_information"})
"""Parameters that name people, too: what was sent to some of them is not sent again to the rest."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request to make, and the seconds that its answer may take."""

    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Seconds to wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request."""

    status: int
    body: bytes


Attempts = Generator[Exchange | Pause, Reply | NoAnswer | None, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """The wishes of one call."""

    idempotency_key: str | None = None
    dry_run: bool = False
    test_environment: bool = False
    timeout: float | None = None

    def headers(self, key: str | None) -> dict[str, str]:
        """Return the headers that say so."""
        headers = {} if key is None else {"Idempotency-Key": key}
        if self.dry_run:
            headers["X-Dry-Run"] = "true"
        if self.test_environment:
            headers["X-Use-Test-Env"] = "true"
        return headers


def new_key() -> str:
    """Make an idempotency key that nobody else has."""
    return uuid.uuid4().hex


class Calling:
    """One call of a component, from its first attempt to its answer."""

    def __init__(self, settings: Settings, component: str, params: Mapping[str, Any], options: Options) -> None:
        self._settings = settings
        self._target = settings.target(component)
        self._params = dict(params)
        self._options = options
        key = options.idempotency_key
        self._key = hashlib.sha256(key.encode()).hexdigest() if key and len(key) > LONGEST_KEY else key
        timeout = settings.timeout if options.timeout is None else options.timeout
        self._deadline = time.monotonic() + timeout
        self._paused = False

    def answer(self) -> Attempts:
        """Return the answer. EsbError if it is a failure, or if there is none within the time."""
        for number in range(self._settings.retries + 1):
            outcome = read((yield self._exchange(self._key)))
            if isinstance(outcome, Mapping):
                return self._done(outcome)
            wait = self._again(outcome, number)
            if wait is None or number == self._settings.retries or time.monotonic() + wait >= self._deadline:
                raise self._failed(outcome)
            self._paused = wait > 0
            yield Pause(wait)
        raise AssertionError  # the last round returns or raises

    def _exchange(self, key: str | None) -> Exchange:
        headers = {**self._settings.headers(), **self._options.headers(key)}
        seconds = max(0.001, min(self._settings.attempt_timeout, self._deadline - time.monotonic()))
        return Exchange(self._target, headers, json.dumps(self._params).encode(), seconds)

    def _again(self, error: EsbError, number: int) -> float | None:
        """Return the seconds after which the call is tried again; None if it is not."""
        if isinstance(error, NoAnswer):
            safe = not error.sent or self._key is not None or self._options.dry_run
        else:
            safe = error.retryable and not (error.answer and (error.answer.accepted or error.answer.unknown))
        return self._pause(error, number) if safe else None

    def _pause(self, error: EsbError, number: int) -> float:
        if error.retry_after is not None:
            return error.retry_after
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**number)
        return longest * random.uniform(0.5, 1)  # noqa: S311 - it guards no secret

    def _done(self, envelope: Mapping[str, Any]) -> Any:
        return Answer(envelope.get("data"), str(envelope.get("request_id", "")), str(envelope.get("message", "")))

    def _failed(self, error: EsbError) -> EsbError:
        return error


class Sending(Calling):
    """One message. It is tried again for those receivers only who provably did not get it.

    The gateway remembers a call that may have sent something by its key, and answers a repetition alike. So what was
    sent to some is sent to the rest under a key of its own, made of the first: whoever repeats the whole finds both.
    """

    def __init__(self, settings: Settings, component: str, params: Mapping[str, Any], options: Options) -> None:
        key = options.idempotency_key or new_key()
        super().__init__(settings, component, params, replace(options, idempotency_key=key))
        self._first_key = self._key
        self._round = 1
        self._rest: tuple[str, ...] = ()
        self._earlier = SendAnswer()
        self._error: EsbError | None = None

    def _again(self, error: EsbError, number: int) -> float | None:
        answer = error.answer
        if answer is None:
            return super()._again(error, number)
        some = bool(answer.accepted or answer.unknown)
        if not some and not answer.replayed:
            rest = error.retryable or any(missed.retryable for missed in answer.failed)
            return self._pause(error, number) if rest else None
        again = [missed.receiver for missed in answer.failed if missed.retryable or (error.retryable and not some)]
        everybody = not some and len(again) == len(answer.failed)
        if not again or not (everybody or self._narrowed(again)):
            return None
        self._keep(answer, again, error)
        return 0.0 if answer.replayed and self._paused else self._pause(error, number)

    def _pause(self, error: EsbError, number: int) -> float:
        waits = [missed.retry_after for missed in error.answer.failed if missed.retry_after] if error.answer else []
        return max(waits) if waits else super()._pause(error, number)

    def _narrowed(self, receivers: list[str]) -> bool:
        """Let the message go to these only; False if the parameters name people in a way that does not allow it."""
        name = next((name for name in RECEIVERS if self._params.get(name)), None)
        if name is None or NOT_NARROWED & {key for key, value in self._params.items() if value}:
            return False
        self._params[name] = receivers
        return True

    def _keep(self, answer: SendAnswer, again: list[str], error: EsbError) -> None:
        """Keep what is settled, and begin another round."""
        settled = replace(answer, failed=tuple(missed for missed in answer.failed if missed.receiver not in again))
        self._earlier = joined(self._earlier, settled)
        if settled.failed or settled.unknown:
            self._error = self._error or error
        self._rest = tuple(again)
        self._round += 1
        self._key = f"{self._first_key}.{self._round}"

    def _done(self, envelope: Mapping[str, Any]) -> SendAnswer:
        data = envelope.get("data")
        request_id = str(envelope.get("request_id", ""))
        answer = SendAnswer.read(data, request_id) if tells_receivers(data) else SendAnswer(request_id=request_id)
        whole = joined(self._earlier, answer)
        if self._error is not None:
            self._error.answer = whole
            raise self._error
        return whole

    def _failed(self, error: EsbError) -> EsbError:
        if error.answer is not None or self._round > 1:
            error.answer = joined(self._earlier, error.answer or self._unanswered(error))
        return error

    def _unanswered(self, error: EsbError) -> SendAnswer:
        """Return what is known of the receivers of a later round that ended without an answer to it."""
        if isinstance(error, NoAnswer) and error.sent:
            return SendAnswer(unknown=self._rest)
        return SendAnswer(failed=tuple(Missed(receiver, None, error.message) for receiver in self._rest))


def joined(earlier: SendAnswer, later: SendAnswer) -> SendAnswer:
    """Return the answers to two rounds of one message as one."""
    return replace(
        later,
        accepted=earlier.accepted + later.accepted,
        failed=earlier.failed + later.failed,
        unknown=earlier.unknown + later.unknown,
        held=earlier.held + later.held,
        msgids=earlier.msgids + later.msgids,
        invalid_usernames=earlier.invalid_usernames + later.invalid_usernames,
        warnings=tuple(dict.fromkeys(earlier.warnings + later.warnings)),
    )


def read(reply: Reply | NoAnswer | None) -> Mapping[str, Any] | EsbError:
    """Return the envelope of a success, or the error that a reply is."""
    if not isinstance(reply, Reply):
        return reply or NoAnswer("no answer", sent=True)
    try:
        envelope = json.loads(reply.body)
    except ValueError:
        envelope = None
    if not isinstance(envelope, dict) or "result" not in envelope:
        return NoAnswer(f"the answer is no envelope (HTTP status {reply.status})", sent=True, status=reply.status)
    return envelope if envelope["result"] else error_of(envelope, reply.status)
