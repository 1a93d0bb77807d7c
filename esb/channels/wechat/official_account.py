"""An official account (公众号): tokens from api.weixin.qq.com, and template messages, one receiver a call."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from esb.channels.wechat.account import PLAIN, Account
from esb.channels.wechat.message import Message
from esb.core.call import Call
from esb.outgoing.client import Target

TEMPLATE_SEND = "/cgi-bin/message/template/send"


class OfficialAccount(Account):
    """`kind` is the token interface: stable (repeated fetches return the same token) or plain."""

    platform = "mp"
    system = "weixin_mp"
    interface = "send_msg_with_tpl"
    at_once = 16

    async def _ask_token(self, call: Call, target: Target) -> dict[str, Any]:
        credential = {"grant_type": "client_credential", "appid": self.key.account, "secret": self._secret}
        ask = partial(self._http.json, call, target, proxy=self._proxy, timeout=self.fetch_seconds)
        if self.key.kind == PLAIN:
            return await ask("GET", f"{self._host}/cgi-bin/token?{urlencode(credential)}")
        return await ask("POST", f"{self._host}/cgi-bin/stable_token", body=credential)


def template_messages(
    openids: Sequence[str], template_id: str, data: Mapping[str, str], url: str = ""
) -> list[Message]:
    """A template message for each openid. `url`: where a tap on it leads."""
    body: dict[str, Any] = {
        "template_id": template_id,
        "data": {key: {"value": value} for key, value in data.items()},
        # WeChat drops a repetition of this id for the same openid within 10 minutes: a resend cannot double.
        # Source: developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage
        "client_msg_id": os.urandom(16).hex(),
    }
    if url:
        body["url"] = url
    return [Message((openid,), TEMPLATE_SEND, (body,), {}, deduplicated=True) for openid in openids]
