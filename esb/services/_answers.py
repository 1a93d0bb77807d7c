"""The check of a BlueKing service: a question to which no is as good an answer as yes."""

from collections.abc import Awaitable, Callable
from typing import Any

from esb.contracts.checks import Check, Finding
from esb.core.errors import AuthenticationError

NOBODY, NOBODYS_TOKEN = "esb-doctor", "esb-doctor"
"""A user whom no directory knows, and a token that is nobody's."""


def answering(what: str, ask: Callable[[], Awaitable[Any]], *, fix_of_no: str = "") -> Check:
    """Return the check of a service that has to answer. `fix_of_no`: what to do
    about a refusal; left out, none is expected to help: the service has answered."""

    async def run() -> Finding:
        try:
            await ask()
        except AuthenticationError as error:
            if fix_of_no:
                return Finding("fail", str(error), fix_of_no)
        return Finding("ok")

    return Check("answer", what, run)
