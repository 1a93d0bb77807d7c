"""Secrets in a view of the configuration, told by where each comes from and by a fingerprint, but not by its text."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

from esb.config import Section
from esb.core.redaction import REDACTED

LITERAL = "literal"
"""The source of a secret that stands in the file itself."""
SANDBOX = "${sandbox}"
"""The address of the sandbox: no secret, and perhaps another one at each start."""
DIGITS = 16
"""Hexadecimal digits of a fingerprint: two secrets are taken for one in no configuration that fits on a disk."""
KEYS = frozenset({"source", "at", "fingerprint", "shown"})


class SecretSources:
    """Renderer of secrets: `{source, at, fingerprint}`, and `shown` where a part of the text is no secret.

    `source` is the `${…}` it comes from, `at` its file and line. The fingerprint is keyed: who lacks the key cannot try
    secrets. Without a key there is none, and `source` alone tells secrets apart.
    """

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def secret(self, section: Section, shown: str) -> Any:
        """Return what is told of a secret; of each in a list."""
        if isinstance(section.value, list):
            return [self.secret(part, shown) for part in section.children.values()]
        source = ", ".join(dict.fromkeys(_sources(section)))
        told: dict[str, Any] = {"source": source, "at": f"{section.file}:{section.line}"}
        if shown != REDACTED:
            told["shown"] = shown
        return told | {"fingerprint": None if source == SANDBOX else self.fingerprint(_compared(section))}

    def key(self, text: str, shown: str) -> str:
        """Return what is told of a secret that is itself a key."""
        fingerprint = self.fingerprint(text)
        return shown if fingerprint is None else f"{shown} {fingerprint}"

    def fingerprint(self, value: Any) -> str | None:
        """Return the fingerprint of a value; None without a key."""
        if self._key is None:
            return None
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        return hmac.new(self._key, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:DIGITS]


def told_alike(one: Any, other: Any) -> bool | None:
    """Return whether two secrets are the same, as far as is told of them; None if these are no secrets."""
    if not (is_told(one) and is_told(other)):
        return None
    if one.get("shown") != other.get("shown"):
        return False
    if one["fingerprint"] is None or other["fingerprint"] is None:
        return bool(one["source"] == other["source"])
    return bool(one["fingerprint"] == other["fingerprint"])


def lacks_fingerprint(value: Any) -> bool:
    """Return True if in this view some secret has no fingerprint, other than the sandbox's address."""
    if is_told(value):
        return value["fingerprint"] is None and value["source"] != SANDBOX
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(lacks_fingerprint, parts))


def is_told(value: Any) -> bool:
    """Return True if a value in a view is what is told of a secret."""
    return isinstance(value, dict) and {"source", "fingerprint"} <= value.keys() <= KEYS


def _sources(section: Section) -> Iterator[str]:
    if section.references:
        yield from section.references
        if {*section.references} == {SANDBOX} and section.value not in section.outside:
            yield LITERAL  # which is told apart, as the sandbox's address alone is not
    elif section.children:
        for part in section.children.values():
            yield from _sources(part)
    else:
        yield LITERAL


def _compared(section: Section) -> Any:
    """Return the value of a section with the sandbox's address, which may be another one, as it is written."""
    value = section.value
    for reference, piece in zip(section.references, section.outside, strict=False):
        if reference == SANDBOX:
            value = value.replace(piece, SANDBOX)
    return value
