"""The contract with callers, the same for every component: credentials, envelope, codes and headers."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from esb.contracts.component import Component
from esb.core.errors import template
from esb.core.params import Params, RequiredText, Text


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


@dataclass(frozen=True, slots=True)
class Header:
    """A header of a request that the gateway heeds."""

    name: str
    description: str
    example: str


AUTHORIZATION = Header(
    "X-Bkapi-Authorization",
    template("who is calling, as a JSON object with the common parameters; then none of them counts in the body"),
    '{"bk_app_code": "esb_test", "bk_app_secret": "xxx", "bk_token": "xxx"}',
)
TOKEN = template("the token that says which application calls; a secret")
LANGUAGE = Header("Blueking-Language", template("language of texts in the answer: en or zh-hans"), "en")
REQUEST_ID = Header(
    "X-Bkapi-Request-Id",
    template("id of the call, 32 hexadecimal digits; the gateway makes one up when it is left out"),
    "0123456789abcdef0123456789abcdef",
)
IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    template("a repetition with the same key, within 24 hours, sends nothing and gets the first call's answer"),
    "order-42",
)
DRY_RUN = Header("X-Dry-Run", template("true: nothing is sent, the answer shows what would have been"), "true")
TEST_ENVIRONMENT = Header("X-Use-Test-Env", template("true: the component's test environment is used"), "true")


def headers_of(component: Component[Any, Any]) -> list[Header]:
    """Return the headers that calls of this component may have."""
    headers = [LANGUAGE, REQUEST_ID]
    if component.sends:
        headers += [IDEMPOTENCY_KEY, DRY_RUN]
    if component.has_environments:
        headers.append(TEST_ENVIRONMENT)
    return headers
