"""Checks of an official account: its secret, our address, its template with the keys, and the quota of the day.

Sources: developers.weixin.qq.com/doc/service/api/notify/template/api_getalltemplates,
developers.weixin.qq.com/doc/service/api/apimgnt/api_getapiquota.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from esb.channels.verdict import ACCEPTED
from esb.channels.wechat.account import WeChatAccount
from esb.channels.wechat.config import OfficialAccountConfig, revealed
from esb.channels.wechat.wechat_checks import ADDRESS, KILLS, KILLS_FIX, WeChatChecks, names_our_address, refused
from esb.contracts.checks import Check, Finding
from esb.contracts.probes import Probes

TEMPLATES = "/cgi-bin/template/get_all_private_template"
QUOTA = "/cgi-bin/openapi/quota/get"
SCARCE = 0.1
"""The part of the day's quota from which on what is left is little."""
MY_TEMPLATES = "mp.weixin.qq.com: Template Messages > My Templates (模板消息 > 我的模板)"
_KEY = re.compile(r"\{\{\s*(\w+)\.DATA\s*\}\}")


def official_account_checks(
    probes: Probes, account: WeChatAccount, config: OfficialAccountConfig, send_path: str, test: Sequence[Check]
) -> Sequence[Check]:
    """Return the checks of an account. `send_path`: the interface whose quota counts; `test`: checks that send."""
    proxy = revealed(config.wx_proxy)
    asked = _AccountChecks(probes, account, config, send_path)
    return [
        *probes.reach(config.wx_mp_host, "wx_proxy" if proxy else "wx_mp_host", proxy=proxy),
        probes.clock(config.wx_mp_host, proxy=proxy),
        Check("token", "the official account gives a token", asked.token),
        Check("egress", ADDRESS, asked.egress),
        Check("template", "the account has the template", asked.template),
        Check("template_keys", "the template shows what is sent", asked.template_keys),
        Check("quota", "something is left of the day's quota", asked.quota),
        *(replace(check, run=partial(asked.sent, check.run)) for check in test),
    ]


class _AccountChecks(WeChatChecks):
    """The questions to WeChat about one official account."""

    def __init__(self, probes: Probes, account: WeChatAccount, config: OfficialAccountConfig, send_path: str) -> None:
        super().__init__(probes, account)
        self._kills = account.key.exclusive
        self._config = config
        self._templates = partial(self._ask, "GET", TEMPLATES)
        self._left = partial(self._ask, "POST", QUOTA, body={"cgi_path": send_path})

    async def egress(self) -> Finding:
        """Judge our address by the answer to the fetch of a token, or to the first question after it."""
        reply = await (self._templates if self._kills else self._fetched)()
        if isinstance(reply, Finding):
            return reply
        return refused(reply.verdict) if names_our_address(reply.verdict) else Finding("ok")

    async def template(self) -> Finding:
        reply = await self._templates()
        if isinstance(reply, Finding):
            return reply
        if reply.verdict.kind not in ACCEPTED:
            return refused(reply.verdict)
        listed = _listed(reply.body)
        if self._config.wx_template_id not in listed:
            return Finding(
                "fail",
                f"it is none of the {len(listed)} templates that the account has",
                f"copy the template id from {MY_TEMPLATES} into wx_template_id",
            )
        return Finding("ok")

    async def template_keys(self) -> Finding:
        reply = await self._templates()
        if isinstance(reply, Finding):
            return reply
        content = _listed(reply.body).get(self._config.wx_template_id, "")
        return keys_finding([*dict.fromkeys(_KEY.findall(content))], self._config.wx_template_keys.model_dump())

    async def quota(self) -> Finding:
        reply = await self._left()
        if isinstance(reply, Finding):
            return reply
        told = reply.body.get("quota")
        if reply.verdict.kind not in ACCEPTED or not isinstance(told, Mapping):
            return Finding("skipped", f"errcode {reply.verdict.errcode}: {reply.verdict.errmsg}")
        return quota_finding(told.get("remain"), told.get("daily_limit"))

    async def sent(self, send: Callable[[], Awaitable[Finding]]) -> Finding:
        """Send, unless that would fetch a plain token."""
        return Finding("skipped", KILLS, KILLS_FIX) if self._kills and self._token is None else await send()


def keys_finding(shown: Sequence[str], keys: Mapping[str, str]) -> Finding:
    """Return what it means that a template shows these keys. `keys`: parameter -> the key that should show it."""
    if not shown:
        return Finding("skipped", "WeChat does not tell its keys")
    fix = f"name them in wx_template_keys: the template has {', '.join(shown)}"
    lost = [f"{name} ({key})" for name, key in keys.items() if key not in shown]
    if keys["message"] not in shown:
        return Finding("fail", f"it does not show {', '.join(lost)}", fix)
    empty = [key for key in shown if key not in keys.values()]
    if lost or empty:
        seen = [f"it does not show {', '.join(lost)}"] if lost else []
        seen += [f"nothing fills {', '.join(empty)}, for which WeChat may refuse a message"] if empty else []
        return Finding("warn", "; ".join(seen), fix)
    return Finding("ok", ", ".join(shown))


def quota_finding(left: Any, limit: Any) -> Finding:
    """Return what is left of a day's quota."""
    if not isinstance(left, int) or not isinstance(limit, int):
        return Finding("skipped", "WeChat tells no quota")
    cause = f"{left} of {limit} messages"
    if left <= 0:
        return Finding("fail", cause, "it opens again at midnight, Beijing time; send less, or have WeChat raise it")
    if left < SCARCE * limit:
        return Finding("warn", cause, "send less until midnight, Beijing time, or have WeChat raise it")
    return Finding("ok", cause)


def _listed(body: Mapping[str, Any]) -> dict[str, str]:
    """Return template id -> content."""
    listed = body.get("template_list")
    return {
        str(each.get("template_id")): str(each.get("content") or "")
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, Mapping)
    }
