"""The contract with callers, the same for every component: credentials, envelope, codes and headers."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from esb.contracts.component import Component
from esb.core.errors import template
from esb.core.params import LooseBool, Params, RequiredText, Text
from esb.introspect.json_schema import Schema


class CallerParams(Params):
    """Who is calling, said in parameters; the header X-Bkapi-Authorization takes the same as JSON."""

    bk_app_code: RequiredText = Field(description="application ID", examples=["esb_test"])
    bk_app_secret: RequiredText = Field(
        description="secret key (the application's TOKEN), from BlueKing Developer Center -> click the application ID"
        " -> Basic Information",
        examples=["xxx"],
    )
    bk_token: Text = Field(
        "",
        description="login state of the current user; one of bk_token and bk_username must be valid; bk_token can also"
        " come by Cookie",
        examples=["xxx"],
    )
    bk_username: Text = Field(
        "", description="name of the current user, for applications that may name users without a login state"
    )


class AsynchronousParams(Params):
    """Parameters of a call that is answered once it is accepted, and sent afterwards."""

    asynchronous: LooseBool = Field(
        False,
        alias="async",
        description="true: the call is answered as soon as it is accepted, and sent afterwards; the header Prefer with"
        " respond-async says the same",
        examples=[True],
    )
    deliver_at: Text = Field(
        "",
        description="when it is sent, a time such as 2026-12-31T18:00:00+08:00, or so long from now: 30m, 12h, 7d; at"
        " once if left out",
    )
    expires: Text = Field(
        "",
        description="until when it is tried, a time or so long from when it is sent; left out, as long as the gateway's"
        " operator has set",
    )
    callback: Text = Field(
        "", description="name of a callback that is declared for the application: it is told what became of the message"
    )
    priority: Text = Field("", description="low, normal or high: which messages go first when many are due")


class AnswerEnvelope(BaseModel):
    """The envelope of every answer."""

    model_config = ConfigDict(title="Answer")

    result: bool = Field(description="whether the call succeeded: true for success, false for failure", examples=[True])
    code: int = Field(description="return code; 0 is success, any other value is a failure", examples=[0])
    message: str = Field(description="what went wrong; OK for success", examples=["OK"])
    data: Any = Field(description="data of the answer; a failure may have some too")
    request_id: str = Field(
        description="id of the call, as in the header X-Bkapi-Request-Id",
        pattern="^[0-9a-fA-F]{32}$",
        examples=["0123456789abcdef0123456789abcdef"],
    )


class FailureData(BaseModel):
    """What is known of a failure. A sending tells whom the message reached, besides.

    A default of None stands for what is left out, and is never null.
    """

    errcode: int | str | None = Field(None, description="code of the system that refused, a number or a text")
    errmsg: str | None = Field(None, description="what that system says")
    kind: str | None = Field(
        None,
        alias="class",
        description="class of the failure: token, busy, quota, receiver, message, config or unknown",
    )
    retryable: bool | None = Field(None, description="whether the same call may work later")
    retry_after: float | None = Field(0, description="seconds until the same call may work; null if nobody knows")
    outcome: str | None = Field(
        None,
        description="unknown: the message may have been sent, so that a repetition could be a second one",
    )
    hint: str | None = Field(None, description="cause and remedy")
    field: str | None = Field(None, description="the parameter that was refused")
    body: dict[str, Any] | None = Field(
        None, description="why the body is not what the gateway reads: found, needed, line, column"
    )


CODES = {
    0: template("success"),
    1306000: template(
        "credentials or parameters are wrong, a third-party system refused, or the component failed; see message"
    ),
    1306201: template("a third-party system is down, slow or answers nonsense"),
    1306206: template("X-Use-Test-Env was sent, and the component has no test environment"),
    1306403: template("the application may not call this component"),
    1306404: template("there is no such path or method (HTTP status 404)"),
    1306405: template("the component is switched off"),
    1306406: template(
        "the header X-Bkapi-Authorization, the form or the body cannot be read; or the body is too large (HTTP status"
        " 413)"
    ),
    1306408: template("X-Bkapi-JWT could not be verified"),
    1306429: template("too much for now; data.retry_after says in how many seconds to come again"),
}

REMEDIES = {
    1306000: template(
        "Correct what message names. If a third-party system refused, data.hint says why; repeat the call only if"
        " data.retryable is true."
    ),
    1306201: template("Come again in a moment; if data.outcome is unknown, see whether the message arrived first."),
    1306206: template("Leave the header out, or ask the gateway's operator for a test environment."),
    1306403: template("Ask the gateway's operator for the right to call it."),
    1306404: template("Compare path and method with this page; data.did_you_mean is one that is near."),
    1306405: template("Ask the gateway's operator, or use another channel."),
    1306406: template("Send one JSON object; data.body says where it cannot be read."),
    1306408: template("Ask those who run the API gateway in front of this one."),
    1306429: template("Wait for data.retry_after seconds, then repeat the same call."),
}
"""Code of a failure -> what a caller does about it."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header of a request that the gateway heeds."""

    name: str
    description: str
    example: str | bool
    schema: Schema


AUTHORIZATION = Header(
    "X-Bkapi-Authorization",
    template("who is calling, as a JSON object with the common parameters; then none of them counts in the body"),
    '{"bk_app_code": "esb_test", "bk_app_secret": "xxx", "bk_token": "xxx"}',
    {"type": "string"},
)
LANGUAGE = Header(
    "Blueking-Language",
    template("language of texts in the answer: en or zh-hans"),
    "en",
    {"type": "string"},
)
TOKEN = template("the token that says which application calls; a secret")
REQUEST_ID = Header(
    "X-Bkapi-Request-Id",
    template("id of the call, 32 hexadecimal digits; the gateway makes one up when it is left out"),
    "0123456789abcdef0123456789abcdef",
    {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"},
)
IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    template("a repetition with the same key, within 24 hours, sends nothing and gets the first call's answer"),
    "order-42",
    {"type": "string"},
)
DRY_RUN = Header(
    "X-Dry-Run", template("true: nothing is sent, the answer shows what would have been"), True, {"type": "boolean"}
)
TEST_ENVIRONMENT = Header(
    "X-Use-Test-Env", template("true: the component's test environment is used"), True, {"type": "boolean"}
)


PREFER = Header(
    "Prefer",
    template("respond-async: as the parameter async; the answer has HTTP status 202, and Location the delivery's path"),
    "respond-async",
    {"type": "string"},
)


def headers_of(component: Component[Any, Any], *, asynchronous: bool) -> list[Header]:
    """Return the headers that calls of this component may have. `asynchronous`: they may be sent later."""
    headers = [LANGUAGE, REQUEST_ID]
    if component.sends:
        headers += [IDEMPOTENCY_KEY, DRY_RUN]
    if asynchronous:
        headers.append(PREFER)
    if component.has_environments:
        headers.append(TEST_ENVIRONMENT)
    return headers
