"""An official account (公众号): tokens from api.weixin.qq.com, and template messages, one receiver a call."""

import os
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from esb.channels import gates
from esb.channels.account import Read
from esb.channels.delivery_run import repetition_id, still_open
from esb.channels.message import OutboundMessage
from esb.channels.recipients import Audience
from esb.channels.sending import SendingResult, deliver
from esb.channels.verdict import JudgedAnswer, Verdict
from esb.channels.wechat.account import TO_USER, WeChatAccount
from esb.channels.wechat.config import PLAIN, OfficialAccountConfig, revealed
from esb.channels.wechat.notice import OBJECTS, TEXT, Notice, dated
from esb.channels.wechat.official_account_checks import official_account_checks
from esb.channels.wechat.receipts import ReceiptReader
from esb.channels.wechat.template_fields import check
from esb.channels.wechat.wording import WORDING, WeChatWording
from esb.contracts.checks import Check
from esb.contracts.explain import Decision, Question
from esb.contracts.probes import Probes
from esb.contracts.receipts import ReceiptAnswer, ReceiptRequest
from esb.contracts.services import Services
from esb.core.call import ORDINARY, Call
from esb.core.errors import ParameterError
from esb.outgoing.client import Target

TEMPLATE_SEND = "/cgi-bin/message/template/send"
YOUNG_TOKEN_SECONDS = 5.0
"""A fresh token may be refused for a moment, as users of official accounts report."""
INVALID_CREDENTIAL = 40001
REPEAT_SECONDS = 9 * 60.0
"""The seconds within which an attempt of a delivery may be begun again: WeChat knows a message for ten minutes."""


class OfficialAccount(WeChatAccount):
    """An appid with its secret. `kind` is the token interface: stable or plain."""

    platform = "mp"
    system = "weixin_mp"
    interface = "send_msg_with_tpl"
    at_once = 16

    async def _ask_token(self, call: Call, target: Target, read: Read) -> JudgedAnswer:
        credential = {"grant_type": "client_credential", "appid": self.key.account, "secret": self._secret}
        if self.key.kind == PLAIN:
            method, path, body = "GET", f"/cgi-bin/token?{urlencode(credential)}", None
        else:
            method, path, body = "POST", "/cgi-bin/stable_token", credential
        return await self._http.judged(
            call, target, method, self._host + path, read, body=body, proxy=self._proxy, timeout=self.fetch_seconds
        )

    def _may_be_too_young(self, verdict: Verdict, token: str) -> bool:
        return verdict.errcode == INVALID_CREDENTIAL and self._tokens.age(self.key, token) < YOUNG_TOKEN_SECONDS


class OfficialAccountChannel:
    """Template messages of one official account."""

    def __init__(self, config: OfficialAccountConfig, services: Services) -> None:
        self._config = config
        self._zone = services.timezone
        self._account = OfficialAccount(
            services,
            host=config.wx_mp_host,
            account=config.wx_app_id,
            secret=revealed(config.wx_secret),
            kind=config.wx_token_api,
            proxy=revealed(config.wx_proxy) or None,
            exclusive=config.wx_token_api == PLAIN,
        )
        token, aes_key = revealed(config.wx_callback_token), revealed(config.wx_encoding_aes_key)
        self._receipts = ReceiptReader(config.wx_app_id, token, aes_key) if token else None

    repeat_seconds = REPEAT_SECONDS
    recall_seconds = 0.0

    @property
    def takes_receipts(self) -> bool:
        """True if WeChat's events can be told from others'; see Component."""
        return self._receipts is not None

    def receipts(self, request: ReceiptRequest) -> ReceiptAnswer:
        """Return the answer to what WeChat posts, with the receipts in it."""
        if self._receipts is None:
            return ReceiptAnswer(status=404, refusal="there is no wx_callback_token")
        return self._receipts.answer(request)

    def checks(self, probes: Probes, test: Sequence[Check]) -> Sequence[Check]:
        """Return what a preflight looks at; `test`: checks that send."""
        return official_account_checks(probes, self._account, self._config, TEMPLATE_SEND, test)

    def send(
        self, call: Call, audience: Audience, notice: Notice, url: str, warnings: Sequence[dict[str, Any]] = ()
    ) -> Awaitable[SendingResult]:
        """Send the notice to everybody. `url`: where a tap on it leads, if the notice names no URL."""
        if notice.msgtype != TEXT:
            raise ParameterError(
                "form of the message [msgtype] {msgtype} needs WeCom, this is an official account",
                msgtype=notice.msgtype,
            )
        known_as = ""
        if call.options is not ORDINARY:
            audience, notice = still_open(call, audience), dated(call, notice, self._zone)
            known_as = repetition_id(call)
        keys = self._config.wx_template_keys
        values = {getattr(keys, name): (name, value) for name, value in notice.fields(self._zone).items()}
        warnings = [*warnings, *check(values), *notice.not_shown(*OBJECTS)]
        template = {key: value for key, (_, value) in values.items()}
        messages = template_messages(
            audience.addresses, self._config.wx_template_id, template, notice.url or url, known_as
        )
        wording = WeChatWording({key: parameter for key, (parameter, _) in values.items()})
        return deliver(self._account, call, audience, messages, wording, warnings)

    async def explain(self, question: Question) -> Decision:
        """Return what the gate of the account does with a message."""
        return await gates.decided(self._account, question, WORDING)


def template_messages(
    openids: Sequence[str], template_id: str, data: Mapping[str, str], url: str = "", known_as: str = ""
) -> list[OutboundMessage]:
    """Return a template message for each openid.

    `url`: where a tap on it leads; `known_as`: the id that repetitions share, "" for a new one.
    """
    body: dict[str, Any] = {
        "template_id": template_id,
        "data": {key: {"value": value} for key, value in data.items()},
        # WeChat drops a repetition of this id for the same openid within 10 minutes: a resend cannot double.
        # Source: developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage
        "client_msg_id": known_as or os.urandom(16).hex(),
    }
    if url:
        body["url"] = url
    return [OutboundMessage((openid,), TEMPLATE_SEND, (body,), {}, TO_USER, deduplicated=True) for openid in openids]
