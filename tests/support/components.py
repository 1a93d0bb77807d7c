"""Components for tests of the gateway itself: each does one thing that a plugin might do, well or badly."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from pydantic import ConfigDict

from esb import Call, Component, ConfigModel, Envelope, EsbError, Handler, Middleware, Params, Reply, Target
from esb.contracts.receipts import Receipt, ReceiptAnswer, ReceiptRequest


class Free(Params):
    """Takes whatever comes."""

    model_config = ConfigDict(extra="allow")


class Echo(Component[Any, Free]):
    """Answers what it was called with."""

    params_type = Free
    has_environments = False

    async def handle(self, call: Call, params: Free) -> Any:
        return {
            "id": call.id,
            "method": call.method,
            "path": call.path,
            "component": call.component,
            "args": dict(call.args),
            "path_vars": dict(call.path_vars),
            "headers": dict(call.headers),
            "body": len(call.body) if isinstance(call.body, bytes) else None,
            "test_env": call.options.test_env,
            "dry_run": call.options.dry_run,
        }


class Told(Component[Any, Free]):
    """Is told by a platform what became of messages, by `<msgid|receiver|reason>`; without a reason it has arrived."""

    params_type = Free
    has_environments = False
    takes_receipts = True

    async def handle(self, call: Call, params: Free) -> Any:
        return None

    async def receipts(self, request: ReceiptRequest) -> ReceiptAnswer:
        if request.query.get("signature") != "good":
            return ReceiptAnswer(status=403, refusal="the signature is wrong")
        if request.method == "GET":
            return ReceiptAnswer(request.query["echostr"])
        msgid, receiver, reason = request.body.decode().strip("<>").split("|")
        return ReceiptAnswer("success", receipts=(Receipt(msgid, receiver, not reason, reason),))


class EnvironmentConfig(ConfigModel):
    name: str = "production"
    replicas: int = 1


class Environment(Component[EnvironmentConfig, Free]):
    """Answers the config it was called under."""

    config_type = EnvironmentConfig
    params_type = Free

    async def handle(self, call: Call, params: Free) -> Any:
        return {"name": self.config.name, "replicas": self.config.replicas}


class Hang(Component[Any, Params]):
    """Never answers."""

    async def handle(self, call: Call, params: Params) -> Any:
        await asyncio.Event().wait()


class Passing(Middleware[Any]):
    """Lets every call pass, and knows nothing of early ones."""

    async def __call__(self, call: Call, handler: Handler) -> Any:
        return await handler(call)


class Crash(Component[Any, Params]):
    """Fails as a plugin with a bug does, with a secret in the exception's text."""

    async def handle(self, call: Call, params: Params) -> Any:
        raise ZeroDivisionError("hunter2")


class TimesOut(Component[Any, Params]):
    """Fails with a time-out of its own, long before the call's deadline."""

    async def handle(self, call: Call, params: Params) -> Any:
        raise TimeoutError


class RelayConfig(ConfigModel):
    url: str


class Relay(Component[RelayConfig, Params]):
    """Asks an upstream, so that a test decides when the call goes on."""

    config_type = RelayConfig

    async def handle(self, call: Call, params: Params) -> Any:
        return await self.services.http.json(call, Target("TEST", "relay"), "GET", self.config.url)


async def _pieces() -> AsyncIterator[bytes]:
    yield b"one "
    yield b"two"


class ChoiceParams(Params):
    what: str


class Choice(Component[Any, ChoiceParams]):
    """Answers in the form that the parameter `what` names."""

    params_type = ChoiceParams

    async def handle(self, call: Call, params: ChoiceParams) -> Any:
        match params.what:
            case "nothing":
                return None
            case "list":
                return [1, "二"]
            case "long integer":
                return {"number": 2**70}
            case "keys that are no text":
                return {1: "one", None: "none"}
            case "set":
                return {1, 2}
            case "bytes":
                return {"raw": b"\xff"}
            case "lone surrogate":
                return {"text": "\ud800"}
            case "itself":
                circle: dict[str, Any] = {}
                circle["circle"] = circle
                return circle
            case "not a number":
                return {"number": float("nan")}
            case "envelope":
                return Envelope(result=True, message="fine", data=[1], total=7, request_id="not yours")
            case "failed envelope":
                return Envelope(message="no")
            case "coded envelope":
                return Envelope(result=False, code=1306101, message="coded")
            case "unwritable envelope":
                return Envelope(result=True, data={1, 2})
            case "reply":
                return Reply(201, {"Content-Type": "text/csv", "x-bkapi-request-id": "f" * 32}, b"a,b")
            case "stream":
                return Reply(200, {"Content-Type": "text/plain"}, _pieces())
            case "reply without a body":
                return Reply(200, {}, None)  # type: ignore[arg-type]  # as a plugin without annotations may
            case "reply with an odd status":
                return Reply("fine", {}, b"")  # type: ignore[arg-type]  # as a plugin without annotations may
            case "reply with a broken header":
                return Reply(200, {"X-Odd": "a\r\nSet-Cookie: b"}, b"")
            case "header":
                call.record.headers["X-Remaining"] = "7"
                return None
            case "broken header":
                call.record.headers["X-Odd"] = "a\r\nSet-Cookie: b"
                return None
            case "error":
                raise EsbError("{who} said no", {"why": ["tired"]}, who="Someone")
            case "error with braces":
                raise EsbError("{not a value}")
            case "error without its value":
                raise EsbError("{who} said no to {whom}", who="Someone")
            case "error with unwritable data":
                raise EsbError("no", {1, 2})
            case "error with a lone surrogate":
                raise EsbError("no {name}", name="\udcff")
        raise EsbError("no such choice")


async def _without_end() -> AsyncIterator[bytes]:
    yield b"one"
    await asyncio.Event().wait()


class Endless(Component[Any, Free]):
    """Answers with a body that never ends."""

    params_type = Free

    async def handle(self, call: Call, params: Free) -> Any:
        return Reply(200, {}, _without_end())
