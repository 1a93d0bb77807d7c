"""The part of both clients that does no I/O: for whom they call, and how they are shown."""

from copy import copy
from dataclasses import replace
from typing import Self

from esb.client.settings import Settings


class Caller:
    """A client with these settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._settings.url} for {self._settings.app_code}>"

    def as_user(self, *, bk_username: str = "", bk_token: str = "") -> Self:
        """Return a client that calls for this user, over the same connections."""
        other = copy(self)
        other._settings = replace(self._settings, bk_username=bk_username, bk_token=bk_token)
        return other
