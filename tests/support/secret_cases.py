"""Every component with a stanza and a call of it, in which every secret carries a mark that is found if it gets out.

A new component needs a stanza in CASES, with every secret it can be given written as `secret(…)`.
"""

import base64
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from esb.contracts.lifecycle import NoConfig
from esb.contracts.middleware import Handler
from esb.contracts.services import ChainServices
from esb.core.call import Call

MARK = "TOPSECRET"


def secret(name: str) -> str:
    """A secret that is found wherever it gets out, and that URLs, JSON and Basic authentication have to quote."""
    return f'{MARK}-{name}+/= &"ü'


@dataclass(frozen=True)
class Case:
    """A component's stanza, and a call of it that asks an upstream. {upstream} stands for the upstream's URL."""

    config: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    proxy_key: str = ""
    calls: str = ""  # another component that it calls: the key of its case
    asks_upstream: bool = True
    passes_on: bool = False  # what the upstream answers is the answer, also a refusal
    timeout: float = 60
    token: str = ""  # it stands in the path, and is the only credential


NOTICE = {"heading": "H", "message": "M"}
WECOM = {
    "wx_qy_corpid": "ww0000000000000001",
    "wx_qy_corpsecret": secret("corpsecret"),
    "wx_qy_agentid": 1000002,
    "wx_qy_host": "{upstream}",
}
OFFICIAL_ACCOUNT = {
    "wx_app_id": "wx0000000000000001",
    "wx_secret": secret("appsecret"),
    "wx_callback_token": secret("callback"),
    "wx_template_id": "T",
    "wx_mp_host": "{upstream}",
}
RELAY = {"dest_url": "{upstream}/hook?key=" + f"{MARK}-hook"}
TENCENT = {
    "tencent_secret_id": f"{MARK}-id",
    "tencent_secret_key": secret("key"),
    "tencent_host": "{upstream}",
    "sdk_app_id": "1400000000",
    "template_id": "1",
}
MAIL = {"receiver": "zhangsan@example.com", "title": "T", "content": "C", "sender": "esb@example.com"}
SMS = {"receiver": "13800000000", "content": "C"}
VOICE = {
    "auto_read_message": "M",
    "user_list_information": [{"username": "admin", "mobile_phone": "13800000000"}],
}
CASES: dict[str, dict[str, Case]] = {
    "cmsi_send_weixin": {
        "qy": Case({"wx_type": "qy", **WECOM}, {"receiver": "zhangsan", "data": NOTICE}, "wx_proxy"),
        "qy, a caller's app": Case(
            {"wx_type": "qy", **WECOM},
            {"receiver": "zhangsan", "data": NOTICE, "wx_qy_corpsecret": secret("borrowed"), "wx_qy_agentid": 7},
            "wx_proxy",
        ),
        "mp": Case({"wx_type": "mp", **OFFICIAL_ACCOUNT}, {"receiver": "o1", "data": NOTICE}, "wx_proxy"),
        "mp, plain token": Case(
            {"wx_type": "mp", "wx_token_api": "plain", **OFFICIAL_ACCOUNT}, {"receiver": "o1", "data": NOTICE}
        ),
    },
    "cmsi_send_qy_weixin": {"": Case(WECOM, {"receiver": "zhangsan", "content": "C"}, "wx_proxy")},
    "cmsi_send_mp_weixin": {"": Case(OFFICIAL_ACCOUNT, {"receiver": "o1", "data": NOTICE}, "wx_proxy")},
    "cmsi_send_wecom_robot": {
        "": Case({"webhook_key": f"{MARK}-robot", "wx_qy_host": "{upstream}"}, {"content": "C"}, "wx_proxy")
    },
    "cmsi_send_msg": {
        "weixin": Case(
            params={"msg_type": "weixin", "receiver__username": "admin", "title": "T", "content": "C"},
            calls="cmsi_send_weixin",
        )
    },
    "cmsi_get_msg_type": {"": Case(asks_upstream=False)},
    "cmsi_send_mail": {
        "relay": Case(RELAY, MAIL),
        "smtp": Case(
            {"smtp_host": "127.0.0.1", "smtp_port": "{port}", "smtp_user": "esb", "smtp_pwd": secret("smtp")}, MAIL
        ),
    },
    "cmsi_send_sms": {"relay": Case(RELAY, SMS), "tencent": Case({**TENCENT, "sms_sign": "S"}, SMS)},
    "cmsi_send_voice_msg": {"relay": Case(RELAY, VOICE), "tencent": Case(TENCENT, VOICE)},
    "alert_webhook": {
        "token in the path": Case(
            {"to": "/cmsi/send_weixin/", "params": {"receiver": "zhangsan"}},
            {"title": "T", "message": "M"},
            calls="cmsi_send_weixin",
            token=f"{MARK}-in-the-path",
        ),
        "by header": Case(
            {"to": "/cmsi/send_weixin/", "params": {"receiver": "zhangsan"}},
            {"title": "T", "message": "M"},
            calls="cmsi_send_weixin",
        ),
    },
    "http": {
        # An upstream may repeat to the caller whatever it was told: so the secrets of its config are not in here.
        "envelope": Case({"hosts": ["{upstream}"], "path": "/x/"}, {"a": 1}, passes_on=True),
        "query": Case({"hosts": ["{upstream}"], "path": "/x/{a}/", "send": "query"}, {"a": 1}, passes_on=True),
    },
}
CONFIG = f"""\
version: 1
services:
  apps: {{use: static, config: {{apps: [{{code: esb_demo, secrets: ['{secret("app")}'], impersonate: ["*"]}}]}}}}
  login: {{use: static, config: {{tokens: {{'{secret("login")}': admin}}}}}}
  users: {{use: static, config: {{users: [{{username: admin, wx_userid: zhangsan, email: admin@example.com,
                                          telephone: "13800000000"}}]}}}}
middlewares:
  - use: tests.support.secret_cases:Witness
  - use: app_auth
  - use: user_auth
  - use: permission
components:
"""
AUTH = {"bk_app_code": "esb_demo", "bk_app_secret": secret("app"), "bk_token": secret("login")}


class Witness:
    """A middleware that writes down every error that passes it, causes included."""

    config_type = NoConfig
    seen: ClassVar[list[str]] = []

    def __init__(self, config: NoConfig, services: ChainServices) -> None:
        """Nothing to configure and nothing to borrow."""

    async def __call__(self, call: Call, handler: Handler) -> Any:
        self.seen.append(repr(call))
        try:
            return await handler(call)
        except Exception as error:
            self.seen.extend([*traceback.format_exception(error), repr(error), repr(vars(error))])
            raise


def forms_of_the_mark() -> list[str]:
    """The mark as it is, and as base64 shows it wherever it begins."""
    encoded = [base64.b64encode(b" " * offset + MARK.encode()).decode()[2:-4] for offset in range(3)]
    return [MARK, *encoded]
