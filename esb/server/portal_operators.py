"""The operations as the portal asks for them, in the name of a visitor."""

from collections.abc import Mapping
from typing import Any

from esb.core import json_codec
from esb.database.writer import LONGEST_ACTOR, Actor
from esb.portal.parts import Answered
from esb.server.operations import Operations, OperatorRequest


class PortalOperators:
    """Fulfils `esb.portal.parts.Operators`."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def ask(
        self, method: str, path: str, actor: str, given: Mapping[str, Any], variables: Mapping[str, str]
    ) -> Answered:
        """Return the answer of one operation; what is given is a query where HTTP has one, else a body."""
        known = Actor(f"portal:{actor}"[:LONGEST_ACTOR], "portal")
        if method == "GET":
            asked = OperatorRequest(known, method, variables, {key: str(value) for key, value in given.items()})
        else:
            asked = OperatorRequest(known, method, variables, body=json_codec.encode(dict(given)))
        answer = await self._operations.ask(path, asked)
        return Answered(answer.status, answer.value, answer.told)
