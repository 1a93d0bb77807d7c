"""An official account (公众号): tokens from api.weixin.qq.com, and template messages, one receiver a call."""

import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from esb.call import Call
from esb.outgoing import Target
from esb.wechat.account import Account
from esb.wechat.errcodes import OFFICIAL_ACCOUNT_REFUSED
from esb.wechat.message import Message, Pages

TEMPLATE_SEND = "/cgi-bin/message/template/send"


class OfficialAccount(Account):
    """`kind` is the token interface: stable (repeated fetches return the same token) or plain."""

    platform = "mp"
    system = "weixin_mp"
    interface = "send_msg_with_tpl"
    refused = OFFICIAL_ACCOUNT_REFUSED
    at_once = 16

    async def _ask_token(self, call: Call, target: Target) -> dict[str, Any]:
        credential = {"grant_type": "client_credential", "appid": self.key.account, "secret": self._secret}
        if self.key.kind == "stable":
            url = f"{self._host}/cgi-bin/stable_token"
            return await self._http.json(call, target, "POST", url, body=credential, proxy=self._proxy)
        url = f"{self._host}/cgi-bin/token?{urlencode(credential)}"
        return await self._http.json(call, target, "GET", url, proxy=self._proxy)


def template_messages(openids: Sequence[str], template_id: str, data: Mapping[str, str], url: str = "") -> list[Pages]:
    """A template message for each openid. `url`: where a tap on it leads."""
    body: dict[str, Any] = {
        "template_id": template_id,
        "data": {key: {"value": value} for key, value in data.items()},
        # WeChat drops a repetition of this id for the same openid within 10 minutes: a resend cannot double.
        "client_msg_id": os.urandom(16).hex(),
    }
    if url:
        body["url"] = url
    return [(Message((openid,), TEMPLATE_SEND, body),) for openid in openids]
