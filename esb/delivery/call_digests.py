"""Digests of calls: by which a repetition is found in the store, and known for the same call."""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from esb.contracts.component import Repetition
from esb.core.call import Call
from esb.core.errors import RequestError
from esb.core.files import File
from esb.core.gateway_parameters import NOT_COMPARED, SWITCHES
from esb.core.reasons import Reason
from esb.store.keyspaces import IDEMPOTENCY, key_of

RECOGNISED = "\n"
"""The beginning of keys that no caller has given: no header holds it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The entry of the store and the digests of all that is compared, which the repetitions of a call share."""

    entry: str
    content: str


def identity_of(call: Call, repetition: Repetition | None) -> Identity | None:
    """Return what makes the repetitions of a call known; None if it has no key.

    `repetition`: the key by which its component knows it, if the caller gives none; then its arguments may differ.
    """
    key = call.options.idempotency_key
    if key:
        return Identity(entry_of(call, key), content_of(call))
    if repetition is None:
        return None
    return Identity(entry_of(call, f"{RECOGNISED}{repetition.key}"), content_of(replace(call, args={})))


def entry_of(call: Call, key: str) -> str:
    """Return the entry of the store for this key of the call's app, at the call's component."""
    app = call.app.code if call.app is not None else ""
    return key_of(IDEMPOTENCY, app, f"{call.component}:{_digest(key)}")


def content_of(call: Call, *, by_header: bool = False) -> str:
    """Return the digests of all that a repetition must have in common with the first call: its user, and the rest."""
    arguments = {name: value for name, value in call.args.items() if name not in NOT_COMPARED}
    compared = [arguments, dict(call.path_vars), call.options.test_env]
    if by_header:
        arguments |= {name: value for name, value in call.args.items() if name in SWITCHES}
        compared += [call.method, call.query]
    text = json.dumps(compared, sort_keys=True, default=_of_a_file)
    return f"{_digest('' if call.user is None else call.user.username)}:{_digest(text)}"


def require_same(first: str, content: str) -> None:
    """Raise RequestError unless the first call with a key was one of the same user, with the same content."""
    if first == content:
        return
    if first.partition(":")[0] != content.partition(":")[0]:
        raise RequestError(
            "Parameters error, this idempotency key was used for a call of another user",
            call_reason=Reason.IDEMPOTENCY_KEY,
        )
    raise RequestError(
        "Parameters error, this idempotency key was used for a call with other parameters",
        call_reason=Reason.IDEMPOTENCY_KEY,
    )


def _of_a_file(value: Any) -> Any:
    """Return what two files must have in common to be the same. TypeError for what no caller can send."""
    if isinstance(value, File):
        return [value.name, value.content_type, hashlib.sha256(value.content).hexdigest()]
    raise TypeError(f"no argument of a call: {type(value).__name__}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
