"""The two channels of a notice, ready to be used by a component: build the messages, then send or only show them."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from esb.channels.recipients import Audience, rehearsal
from esb.channels.wechat.account import Account
from esb.channels.wechat.config import OfficialAccountConfig, WeComConfig
from esb.channels.wechat.member_pacing import Pace
from esb.channels.wechat.message import Message
from esb.channels.wechat.notice import TEXT, Notice
from esb.channels.wechat.official_account import template_messages
from esb.channels.wechat.report import NO_FIELDS, answer
from esb.channels.wechat.sender import Sending
from esb.channels.wechat.template_fields import check
from esb.channels.wechat.wecom import app_messages
from esb.channels.wechat.wecom_members import members
from esb.contracts.services import Means
from esb.core.call import Call
from esb.core.errors import ParameterError


class OfficialAccountChannel:
    """Template messages of one official account."""

    def __init__(self, config: OfficialAccountConfig, means: Means) -> None:
        self._config = config
        self._means = means
        self._account = config.official_account(means)

    def send(self, call: Call, audience: Audience, notice: Notice, url: str) -> Awaitable[dict[str, Any]]:
        """The answer's data; raises unless everybody was accepted."""
        if notice.msgtype != TEXT:
            raise ParameterError(
                "form of the message [msgtype] {msgtype} needs WeCom, this is an official account",
                msgtype=notice.msgtype,
            )
        keys = self._config.wx_template_keys
        values = {getattr(keys, name): (name, value) for name, value in notice.fields().items()}
        warnings = check(values)
        template = {key: value for key, (_, value) in values.items()}
        messages = template_messages(audience.addresses, self._config.wx_template_id, template, notice.url or url)
        parameters = {key: parameter for key, (parameter, _) in values.items()}
        return send(self._account, self._means, call, audience, messages, warnings, fields=parameters)


class WeComChannel:
    """Messages of one WeCom app; callers may bring the secret and the agentid of another one of the corporation."""

    def __init__(self, config: WeComConfig, means: Means) -> None:
        self._config = config
        self._means = means
        self._app = config.wecom(means)
        self._agentid = config.wx_qy_agentid
        self._pace = None if self._agentid is None else config.pace(means, self._agentid)
        self._allow_all = config.wx_qy_allow_all
        self._drops = config.wx_qy_duplicate_check

    def send(
        self,
        call: Call,
        audience: Audience,
        contents: Sequence[Mapping[str, Any]],
        warnings: Sequence[dict[str, Any]] = (),
        *,
        agentid: int | None = None,
        secret: str = "",
    ) -> Awaitable[dict[str, Any]]:
        """The answer's data; raises unless everybody was accepted."""
        app, pace = self._app, self._pace
        if secret:
            app = self._config.wecom(self._means, secret)
        if app is None:
            raise ParameterError("corp secret [corpsecret] This field is required.")
        if agentid is None:
            agentid = self._agentid
        elif agentid != self._agentid:
            pace = self._config.pace(self._means, agentid)
        if agentid is None:
            raise ParameterError("corp agentid [agentid] This field is required.")
        audience = members(audience, allow_all=self._allow_all)
        messages = app_messages(agentid, audience.addresses, contents, call.timeout if self._drops else None)
        return send(app, self._means, call, audience, messages, warnings, pace=pace)


async def send(
    account: Account,
    means: Means,
    call: Call,
    audience: Audience,
    messages: Sequence[Message],
    warnings: Sequence[dict[str, Any]] = (),
    *,
    pace: Pace | None = None,
    fields: Mapping[str, str] = NO_FIELDS,
) -> dict[str, Any]:
    """Sends the messages and tells whom they reached; or, in a dry run, shows them."""
    if call.options.dry_run:
        shown = [
            (message.receivers, message.endpoint, message.body(page))
            for message in messages
            for page in range(len(message.pages))
        ]
        return rehearsal(audience, shown, warnings)
    outcome = await Sending(account, call, means.clock).outcome(messages, pace)
    return answer(audience, outcome, warnings, fields)
