"""The operations of those who run the gateway, each made once: for the admin listener as HTTP, for the portal as pages.

Who may ask is decided before, by whom has the connection: a request here is of somebody already let in.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from esb.core import json_codec
from esb.core.errors import GatewayError, template, untranslated
from esb.core.i18n import Translate
from esb.database.registry_errors import AlreadyThere, Missing, NotAcceptable, RegistryError
from esb.database.writer import Actor

OK, CREATED, CONFLICT, UNACCEPTABLE, UNAVAILABLE = 200, 201, 409, 422, 503
STATUS = {Missing: 404, AlreadyThere: 409, NotAcceptable: UNACCEPTABLE}
"""Refusal of the registry -> HTTP status."""
UNKNOWN_KEY = template("unknown key")
REQUIRED = template("Field required")
Told = Callable[[Translate], str]
B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class OperatorRequest:
    """One request of an operator: the variables of its path, its query, its body as it came."""

    actor: Actor
    method: str
    variables: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    @property
    def code(self) -> str:
        """The code of the app that the path names."""
        return self.variables["code"]

    def given(self) -> dict[str, Any]:
        """Return what it says: its JSON object, and its query unless it makes something. NotAcceptable.

        Addresses are written into logs, and what makes something may hold a secret.
        """
        try:
            body = json_codec.decode_exact(self.body) if self.body else {}
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise NotAcceptable("the body is no JSON object")
        number = self.variables.get("number")
        query = {} if self.method == "POST" else self.query
        return {**query, **body, **({} if number is None else {"id": number})}

    def read(self, model: type[B]) -> B:
        """Return what it says as this model. ValidationError, NotAcceptable."""
        return model.model_validate(self.given())


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of an operation, as JSON, with the status that HTTP has for it."""

    value: Any = field(repr=False)
    status: int = OK
    told: Told | None = field(default=None, repr=False)
    """The text of a refusal in another language; None where its translation says all of it."""


Handler = Callable[[OperatorRequest], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One of them, by method and path; variables stand in the path as the web server has them."""

    method: str
    path: str
    handler: Handler

    async def answer(self, asked: OperatorRequest) -> Answer:
        """Return its answer; a refusal is one, too."""
        try:
            return await self.handler(asked)
        except ValidationError as error:
            return wrong(error)
        except RegistryError as error:
            status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), UNAVAILABLE)
            return Answer({"error": str(error)}, status, error.message.render)
        except GatewayError as error:  # the database is away, or not what this version needs
            return Answer({"error": str(error)}, UNAVAILABLE)


class Operations:
    """All of them, by method and path."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = {(each.method, each.path): each for each in operations}

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations.values())

    async def ask(self, path: str, asked: OperatorRequest) -> Answer:
        """Return the answer of the operation with this path, as written where it is made, and the request's method."""
        return await self._operations[asked.method, path].answer(asked)


def wrong(error: ValidationError, status: int = UNACCEPTABLE) -> Answer:
    """Return the answer that tells what is wrong in what was given, each with its place."""

    def told(translate: Translate) -> str:
        texts = ((_place(each["loc"]), translate(_text(each))) for each in error.errors())
        return "; ".join(": ".join(filter(None, each)) for each in texts)

    return Answer({"error": told(untranslated)}, status, told)


def _place(keys: tuple[int | str, ...]) -> str:
    return ".".join(map(str, keys))


def _text(error: ErrorDetails) -> str:
    """Return what is wrong, in our own words where we have some; those of pydantic are English."""
    own = {"extra_forbidden": UNKNOWN_KEY, "missing": REQUIRED}
    return own[error["type"]] if error["type"] in own else error["msg"].removeprefix("Value error, ")
