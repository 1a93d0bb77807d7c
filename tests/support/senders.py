"""Components that send to a stand-in vendor: two that keep their promises by the base, and mutants that break one."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import SecretStr

from esb import (
    AccessToken,
    Call,
    Component,
    ConfigModel,
    Contact,
    Draft,
    EsbError,
    Label,
    Limits,
    Params,
    Receivers,
    Rejected,
    RequiredText,
    Sender,
    Sent,
    Services,
    Target,
    Token,
    UpstreamError,
)

SEND = Target("vendor", "send", sends=True)
UNDECLARED = Target("vendor", "send")
KEY = "the-key-of-the-vendor"
KINDS: dict[Any, Any] = {1: "busy", 2: "quota", 3: "config", 4: "receiver", 5: "message"}
"""The vendor's codes."""


class VendorConfig(ConfigModel):
    """Where the vendor is, and the key it asks for."""

    url: str
    key: SecretStr = SecretStr(KEY)


class TextParams(Params):
    """What callers send."""

    content: Annotated[RequiredText, Label("message content")]
    receiver: Receivers = ()
    receiver__username: Receivers = ()


class Robot(Sender[VendorConfig, TextParams]):
    """Sends a text into a group, in pages if it is long."""

    config_type = VendorConfig
    params_type = TextParams
    limits = Limits(per_minute=3, penalty_seconds=600, max_bytes=64)

    def messages(self, call: Call, params: TextParams) -> Iterable[Draft]:
        for page in self.limits.pages(params.content):
            yield Draft(["group"], {"text": page, "key": self.config.key.get_secret_value()}, endpoint="/send")

    async def deliver(self, call: Call, message: Draft) -> Sent | None:
        answer = await self.services.http.json(call, SEND, "POST", f"{self.config.url}/send", body=message.body)
        if (code := answer.get("errcode")) != 0:
            kind = KINDS.get(code, "unknown")
            raise Rejected(code, answer.get("errmsg", ""), kind, retry_after=answer.get("wait"))
        return Sent(msgid=answer.get("msgid", ""))


class People(Sender[VendorConfig, TextParams]):
    """Sends a text to each receiver, with an access token; the answer names whom it does not reach."""

    config_type = VendorConfig
    params_type = TextParams
    limits = Limits(at_once=2)

    def __init__(self, config: VendorConfig, services: Services) -> None:
        super().__init__(config, services)
        self._token = AccessToken(
            services, "vendor", "account", config.key, self._fetch, query="token", invalid=_token_is_dead
        )

    def messages(self, call: Call, params: TextParams) -> Iterable[Draft]:
        for receiver in params.receiver:
            yield Draft([receiver], {"text": params.content})
        if params.receiver__username:
            yield Draft(users=params.receiver__username, body={"text": params.content})

    def address(self, contact: Contact) -> str:
        return contact.telephone

    async def deliver(self, call: Call, message: Draft) -> Sent:
        body = {**message.body, "to": message.receivers}
        answer = await self._token.json(call, SEND, "POST", f"{self.config.url}/send", body=body)
        if (code := answer.get("errcode")) != 0:
            raise Rejected(code, answer.get("errmsg", ""), KINDS.get(code, "unknown"))
        failed = {each: Rejected(4, "no such receiver", "receiver") for each in answer.get("invalid", ())}
        return Sent(answer.get("msgid", ""), failed, answer.get("unsure", ()))

    async def _fetch(self, call: Call) -> Token:
        url, key = f"{self.config.url}/token", self.config.key.get_secret_value()
        answer = await self.services.http.json(call, Target("vendor", "token"), "POST", url, body={"key": key})
        if answer.get("errcode") or answer.get("says") == "no":
            raise Rejected(answer.get("errcode"), answer.get("errmsg", ""), "config")
        return Token(answer.get("token", ""), answer.get("seconds", 0))


def _token_is_dead(answer: Any) -> bool:
    return bool(answer.get("errcode") == 42001)


class Deduplicating(Sender[VendorConfig, TextParams]):
    """Sends a text to each receiver, to a vendor that drops messages with an id that it knows."""

    config_type = VendorConfig
    params_type = TextParams
    limits = Limits(per_minute=6)
    repeat_seconds = 540

    def messages(self, call: Call, params: TextParams) -> Iterable[Draft]:
        yield from (Draft([receiver], {"text": params.content}) for receiver in params.receiver)
        yield from (Draft(users=[user], body={"text": params.content}) for user in params.receiver__username)

    async def deliver(self, call: Call, message: Draft) -> Sent:
        body = {**message.body, "to": message.receivers, "id": message.id}
        answer = await self.services.http.json(call, SEND, "POST", f"{self.config.url}/send", body=body)
        if code := answer.get("errcode"):
            raise Rejected(code, "", KINDS.get(code, "unknown"), retry_after=answer.get("wait"))
        return Sent(msgid=f"m-{message.receivers[0]}")


# Mutants: senders without the base, each with one mistake.


class Mutant(Component[VendorConfig, TextParams]):
    """Keeps the promises that a component without the base can forget."""

    config_type = VendorConfig
    params_type = TextParams
    sends = True
    target = SEND

    async def handle(self, call: Call, params: TextParams) -> Any:
        if call.options.dry_run:
            return {"dry_run": True, "messages": [{"text": params.content}]}
        return await self.send(call, params)

    async def send(self, call: Call, params: TextParams) -> Any:
        body = {"text": params.content, "key": self.config.key.get_secret_value()}
        answer = await self.services.http.json(call, self.target, "POST", f"{self.config.url}/send", body=body)
        if answer.get("errcode") != 0:
            raise Rejected(answer.get("errcode"), "the vendor said no")
        return {"accepted": ["group"]}


class NoDryRun(Mutant):
    """Has no code for a dry run."""

    async def handle(self, call: Call, params: TextParams) -> Any:
        return await self.send(call, params)


class NoDryRunUndeclared(NoDryRun):
    """Has no code for a dry run, and does not say that it sends."""

    target = UNDECLARED


class NoDryRunStreaming(NoDryRun):
    """Has no code for a dry run, and sends by a stream."""

    async def send(self, call: Call, params: TextParams) -> Any:
        async with self.services.http.stream(call, UNDECLARED, "POST", f"{self.config.url}/send", body=b"x"):
            return None


class Undeclared(Mutant):
    """Does not say that its request sends; the gateway takes it so."""

    target = UNDECLARED


class Forgetful(Mutant):
    """Does not say that its request sends, which looks as if it only read."""

    async def send(self, call: Call, params: TextParams) -> Any:
        await self.services.http.json(call, UNDECLARED, "GET", f"{self.config.url}/send?text={params.content}")
        return {"accepted": ["group"]}


class Crashing(Mutant):
    """Crashes once it has sent."""

    target = UNDECLARED

    async def send(self, call: Call, params: TextParams) -> Any:
        await super().send(call, params)
        raise RuntimeError("a bug")


class AnswersASet(Mutant):
    """Answers what JSON cannot hold, once it has sent."""

    async def send(self, call: Call, params: TextParams) -> Any:
        await super().send(call, params)
        return {"accepted": {"group"}}


class Twice(Mutant):
    """Sends again when it is in doubt."""

    async def send(self, call: Call, params: TextParams) -> Any:
        try:
            return await super().send(call, params)
        except UpstreamError:
            return await super().send(call, params)


class Swallowing(Mutant):
    """Takes every answer for a success."""

    async def send(self, call: Call, params: TextParams) -> Any:
        await self.services.http.request(call, SEND, "POST", f"{self.config.url}/send", body={"text": params.content})
        return {"accepted": ["group"]}


class Certain(Mutant):
    """Tells a time-out as a failure."""

    async def send(self, call: Call, params: TextParams) -> Any:
        try:
            return await super().send(call, params)
        except UpstreamError as error:
            raise Rejected(-1, "it failed") from error


class Chatty(Mutant):
    """Tells its key."""

    async def send(self, call: Call, params: TextParams) -> Any:
        await super().send(call, params)
        return {"accepted": ["group"], "key": self.config.key.get_secret_value()}


class Repeating(Mutant):
    """Tells what the vendor says, whatever that is."""

    async def send(self, call: Call, params: TextParams) -> Any:
        body = {"text": params.content, "key": self.config.key.get_secret_value()}
        answer = await self.services.http.json(call, SEND, "POST", f"{self.config.url}/send", body=body)
        if answer.get("errcode") != 0:
            raise Rejected(answer.get("errcode"), answer["errmsg"])
        return {"accepted": ["group"]}


class DeliversASet(Robot):
    """Uses the base, and returns from `deliver` what it should not."""

    async def deliver(self, call: Call, message: Draft) -> Any:
        await super().deliver(call, message)
        return {"ok"}


class BreaksAfterwards(Robot):
    """Uses the base, and crashes once it has sent."""

    async def deliver(self, call: Call, message: Draft) -> Any:
        await super().deliver(call, message)
        raise RuntimeError("a bug")


class BaseUndeclared(Robot):
    """Uses the base, with a target that does not say that it sends."""

    async def deliver(self, call: Call, message: Draft) -> Any:
        await self.services.http.json(call, UNDECLARED, "POST", f"{self.config.url}/send", body=message.body)


class StuckAfterwards(People):
    """Uses the base, and does not come back once it has sent to one whose name begins with s."""

    limits = Limits(at_once=1)

    async def deliver(self, call: Call, message: Draft) -> Sent:
        sent = await super().deliver(call, message)
        if message.receivers[0].startswith("s"):
            await asyncio.Event().wait()
        return sent


class InItsOwnWords(Robot):
    """Uses the base, and says no in words of its own."""

    async def deliver(self, call: Call, message: Draft) -> Sent | None:
        raise EsbError("the group {name} is closed", name="g1")


class OneText(Robot):
    """Uses the base, and writes one receiver where a list of them belongs."""

    def messages(self, call: Call, params: TextParams) -> Iterable[Draft]:
        return [Draft("ann", {"text": params.content})]


class BareBody(Robot):
    """Uses the base, and returns what it wants to send without receivers."""

    def messages(self, call: Call, params: TextParams) -> Any:
        return [{"text": params.content}]
