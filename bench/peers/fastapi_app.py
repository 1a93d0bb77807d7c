"""The FastAPI application of two peers, as its documentation writes one: models for what comes in, one route."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

import orjson
from business import JSON, PATH, SEND_URL, TOKEN_URL, Refused, envelope, message, refusal, token
from fastapi import FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

Ask = Callable[[str, str, bytes | None], Awaitable[bytes]]
TOKENS: dict[str, str] = {}


class Message(BaseModel):
    heading: str
    message: str
    date: str


class Parameters(BaseModel):
    receiver__username: list[str]
    data: Message


def create_app(client: Callable[[], AbstractAsyncContextManager[Ask]]) -> FastAPI:
    """The relay, with whoever asks upstream."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with client() as app.state.ask:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post(PATH)  # type: ignore[untyped-decorator]  # fastapi is in the peers' virtual environment only
    async def send(request: Request, parameters: Parameters, x_bkapi_authorization: Annotated[str, Header()]) -> Any:
        try:
            body = message(x_bkapi_authorization, orjson.dumps(parameters.model_dump()))
        except Refused as reason:
            return Response(refusal(reason), media_type=JSON)
        ask: Ask = request.app.state.ask
        if "url" not in TOKENS:
            TOKENS["url"] = SEND_URL + token(await ask("GET", TOKEN_URL, None))
        return Response(envelope(await ask("POST", TOKENS["url"], body)), media_type=JSON)

    @app.exception_handler(RequestValidationError)  # type: ignore[untyped-decorator]  # as above
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return Response(refusal(Refused("Parameters error")), media_type=JSON)

    return app
