"""Tokens that stand in a component's path, for senders that cannot set a header; each is of one app."""

import hmac
from collections.abc import Iterable, Mapping

from esb.config.component_paths import TOKEN_VARIABLE
from esb.core.redaction import REDACTED


class PathTokens:
    """The tokens of one component."""

    def __init__(self, tokens: Iterable[tuple[str, str]]) -> None:
        """Take pairs of app and token."""
        self._tokens = [(app, token.encode()) for app, token in tokens]

    @property
    def apps(self) -> frozenset[str]:
        """The apps that have one."""
        return frozenset(app for app, _ in self._tokens)

    def hidden(self, text: str) -> str:
        """Return a text without any of these tokens."""
        for _, token in self._tokens:
            text = text.replace(token.decode(), REDACTED)
        return text

    def taken(self, variables: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        """Return the app whose token is among these variables, "" if it is nobody's; and the other variables."""
        offered, found = variables[TOKEN_VARIABLE].encode(), ""
        for app, token in self._tokens:  # all of them: no early exit to measure
            if hmac.compare_digest(offered, token):
                found = app
        return found, {name: value for name, value in variables.items() if name != TOKEN_VARIABLE}
