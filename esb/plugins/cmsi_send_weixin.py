"""cmsi/send_weixin: a WeChat message through an official account (公众号) or a WeCom app (企业微信).

Config decides which: `wx_type: qy` (or qywx) needs wx_qy_corpid, and wx_qy_corpsecret with wx_qy_agentid unless every
caller brings its own; `wx_type: mp` needs wx_app_id, wx_secret and wx_template_id.
"""

import base64
import binascii
import time
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from esb import (
    Call,
    Component,
    ConfigModel,
    EsbError,
    Label,
    Limited,
    LooseBool,
    Message,
    ParameterError,
    Params,
    Receivers,
    RequiredDict,
    RequiredText,
    Services,
    Text,
    UpstreamError,
    Whole,
    problem,
)
from esb.audience import Audience, addressed, delivery, looked_up, require_somebody
from esb.wechat import Account, OfficialAccount, WeCom
from esb.wechat.errcodes import RATE_LIMITED, retry_after
from esb.wechat.outcome import Outcome

EVERYBODY = "@all"


class Config(ConfigModel):
    """Key names as operators of the old ESB know them."""

    wx_type: Literal["qy", "qywx", "mp"] = "qy"
    wx_qy_corpid: str = ""
    wx_qy_corpsecret: SecretStr | None = None
    wx_qy_agentid: int | None = None
    wx_qy_allow_all: bool = False
    wx_app_id: str = ""
    wx_secret: SecretStr | None = None
    wx_template_id: str = ""
    wx_token_api: Literal["stable", "plain"] = "stable"  # noqa: S105 - an interface, no secret
    wx_qy_host: str = "https://qyapi.weixin.qq.com"
    wx_mp_host: str = "https://api.weixin.qq.com"
    wx_proxy: SecretStr | None = None

    @property
    def is_wecom(self) -> bool:
        return self.wx_type != "mp"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = ("wx_qy_corpid",) if self.is_wecom else ("wx_app_id", "wx_secret", "wx_template_id")
        missing = [key for key in needed if not getattr(self, key)]
        if missing:
            raise ValueError(f"wx_type {self.wx_type} needs {' and '.join(missing)}")
        if self.is_wecom and (self.wx_qy_corpsecret is None) != (self.wx_qy_agentid is None):
            raise ValueError("wx_qy_corpsecret and wx_qy_agentid belong together: declare both, or neither")
        return self


class MessageData(Params):
    """The parameter `data`."""

    heading: Annotated[RequiredText, Label("notification header text")] = Field(description="heading of the message")
    message: Annotated[RequiredText, Label("notification text")] = Field(description="the message itself")
    date: Text = Field("", description='when it was sent; now, as "YYYY-mm-dd HH:MM", when left out')
    remark: Text = Field("", description="the last line of the message")
    is_message_base64: LooseBool = Field(False, description="message is base64 of UTF-8 text")


class SendWeixinParams(Params):
    """Parameters of cmsi/send_weixin."""

    receiver: Annotated[Receivers, Label("wechat receiver")] = Field(
        (), description="openids of the official account, or WeCom user ids; separated by commas"
    )
    receiver__username: Receivers = Field(
        (), description="user names, looked up in the directory; receiver wins when both are given"
    )
    data: Annotated[MessageData, RequiredDict, Label("message data")] = Field(description="the message")
    wx_qy_agentid: Annotated[Whole, Label("corp agentid", "agentid")] = Field(
        None, description="agentid of a WeCom app"
    )
    wx_qy_corpsecret: Text = Field("", description="secret of that WeCom app", repr=False)
    url: Text = Field("", description="where a tap on an official account's message leads")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.receiver and not self.receiver__username:
            raise problem("WeChat receiver [receiver, receiver__username] shall not be empty at the same time")
        return self


class SendWeixin(Component[Config, SendWeixinParams]):
    """Sends to each receiver once, and tells for each whether the message was accepted."""

    config_type = Config
    params_type = SendWeixinParams

    def __init__(self, config: Config, services: Services) -> None:
        super().__init__(config, services)
        self._official_account = None if config.is_wecom else self._configured_official_account()
        self._wecom = None
        if config.is_wecom and config.wx_qy_corpsecret is not None:
            self._wecom = self._wecom_app(config.wx_qy_corpsecret.get_secret_value())

    async def handle(self, call: Call, params: SendWeixinParams) -> Any:
        text = _message(params.data)
        if params.receiver:
            audience = addressed(params.receiver)
        else:
            audience = await looked_up(
                self.services.users, call, params.receiver__username, lambda contact: contact.wx_userid
            )
            require_somebody(audience)
        if self._official_account is not None:
            outcome = await self._send_template(self._official_account, call, params, text, audience)
            return _answer(self._official_account, audience, outcome)
        audience = self._members(audience)
        app, agentid = self._app(params)
        outcome = await app.send_text(call, audience.addresses, agentid, _lines(params.data, text))
        return _answer(app, audience, outcome)

    async def _send_template(
        self, account: OfficialAccount, call: Call, params: SendWeixinParams, text: str, audience: Audience
    ) -> Outcome:
        data = {"first": params.data.heading, "keyword1": text, "keyword2": params.data.date or _now()}
        if params.data.remark:
            data["remark"] = params.data.remark
        return await account.send_template(call, audience.addresses, self.config.wx_template_id, data, params.url)

    def _app(self, params: SendWeixinParams) -> tuple[WeCom, int]:
        """The WeCom app to send with: the caller's own secret and agentid win over the configured ones."""
        app = self._wecom
        if params.wx_qy_corpsecret:
            app = self._wecom_app(params.wx_qy_corpsecret, borrowed=True)
        agentid = self.config.wx_qy_agentid if params.wx_qy_agentid is None else params.wx_qy_agentid
        if app is None:
            raise ParameterError("corp secret [corpsecret] This field is required.")
        if agentid is None:
            raise ParameterError("corp agentid [agentid] This field is required.")
        return app, agentid

    def _members(self, audience: Audience) -> Audience:
        """WeCom's own separator taken apart, members told apart without regard to case, and @all refused."""
        spellings: dict[str, str] = {}
        typed: dict[str, tuple[str, ...]] = {}
        for address, names in audience.typed.items():
            for member in filter(None, (part.strip() for part in address.split("|"))):
                spelling = spellings.setdefault(member.lower(), member)
                typed[spelling] = typed.get(spelling, ()) + ((member,) if names == (address,) else names)
        if EVERYBODY in spellings:
            if not self.config.wx_qy_allow_all:
                raise ParameterError(
                    "wechat receiver [receiver] @all is not allowed here, unless the operator sets wx_qy_allow_all"
                )
            typed = {EVERYBODY: tuple(name for names in typed.values() for name in names)}
        return Audience(typed, audience.unknown_users, audience.without_contact)

    def _configured_official_account(self) -> OfficialAccount:
        config = self.config
        assert config.wx_secret is not None  # noqa: S101 - Config._complete has seen to it
        return OfficialAccount(
            self.services.http,
            self.services.tokens,
            host=config.wx_mp_host,
            account=config.wx_app_id,
            secret=config.wx_secret.get_secret_value(),
            kind=config.wx_token_api,
            proxy=_revealed(config.wx_proxy),
        )

    def _wecom_app(self, secret: str, *, borrowed: bool = False) -> WeCom:
        return WeCom(
            self.services.http,
            self.services.tokens,
            host=self.config.wx_qy_host,
            account=self.config.wx_qy_corpid,
            secret=secret,
            proxy=_revealed(self.config.wx_proxy),
            borrowed=borrowed,
        )


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _message(data: MessageData) -> str:
    """The message as text. What says that it is base64 and is not, is refused: sent as it is, nobody could read it."""
    if not data.is_message_base64:
        return data.message
    try:
        text = base64.b64decode("".join(data.message.split()), validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    if not text or "\x00" in text:
        raise ParameterError("notification text [message] Must be base64 of UTF-8 text, as is_message_base64 says")
    return text


def _lines(data: MessageData, text: str) -> str:
    """A WeCom text: heading, message, date and remark, a line each."""
    lines = [data.heading, text, f"Date: {data.date or _now()}"]
    if data.remark:
        lines.append(data.remark)
    return "\n".join(lines)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M")


def _answer(account: Account, audience: Audience, outcome: Outcome) -> dict[str, Any]:
    """The answer's data; raised as an error unless everybody was accepted."""
    data = _data(audience, outcome)
    complaint = audience.complaint()
    if outcome.refusal is not None:
        data["errcode"], data["errmsg"] = outcome.refusal.errcode, outcome.refusal.errmsg
    text = _sending_failed(audience, outcome)
    if outcome.refusal is not None and outcome.refusal.errcode in RATE_LIMITED:
        seconds = retry_after(account.platform, outcome.refusal.errcode)
        data["retry_after"] = seconds
        raise Limited(text.template, seconds, data, **text.values)
    if outcome.refusal is None and outcome.error is not None:
        raise _with_data(outcome.error, data)
    if outcome.failed:
        raise EsbError(text.template, data, **text.values)
    if complaint is not None:
        raise EsbError("Some users failed to send wechat message. {complaint}", data, complaint=complaint)
    return data


def _data(audience: Audience, outcome: Outcome) -> dict[str, Any]:
    failed = []
    for failure in outcome.failed:
        for name in audience.names([failure.receiver]):
            entry = {"receiver": name, "errcode": failure.errcode, "errmsg": failure.errmsg}
            if failure.pages:
                entry |= {"pages_accepted": failure.pages, "pages": failure.of}
            failed.append(entry)
    return {
        "username_check": audience.checked(),
        **delivery(
            audience.names(outcome.accepted),
            failed + audience.missed(),
            audience.names(outcome.unknown),
            outcome.msgids,
        ),
    }


def _sending_failed(audience: Audience, outcome: Outcome) -> Message:
    """The old ESB's words: "…sending failed[, invalid user: a|b][, WeChat's errmsg]"."""
    invalid = [failure.receiver for failure in outcome.failed if failure.errmsg in {"invalid user", "unlicensed user"}]
    values = {}
    template = "WeChat message sending failed"
    if invalid:
        template += ", invalid user: {invalid}"
        values["invalid"] = "|".join(audience.names(invalid))
    if outcome.refusal is not None and outcome.refusal.errmsg:
        template += ", {errmsg}"
        values["errmsg"] = outcome.refusal.errmsg
    return Message(template, values)


def _with_data(error: EsbError, data: dict[str, Any]) -> EsbError:
    """The error that stopped a sending, told together with whom it reached."""
    if isinstance(error, UpstreamError):
        return UpstreamError(
            error.system, error.interface, error.reason, sent=error.sent, http_status=error.http_status, data=data
        )
    if isinstance(error, Limited):
        retry = {"retry_after": error.retry_after}
        return Limited(error.message.template, error.retry_after, data | retry, **error.message.values)
    return error
