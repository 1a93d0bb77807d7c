"""Checks of a WeCom app: its secret, our address, its agentid, and who sees it.

Sources: developer.work.weixin.qq.com/document/path/90227 (agent/get), path/90196 (user/get).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from esb.channels.preflight_message import receiver_of
from esb.channels.recipients import address_of
from esb.channels.verdict import ACCEPTED
from esb.channels.wechat.config import WeComConfig, revealed
from esb.channels.wechat.wechat_checks import ADDRESS, WeChatChecks, names_our_address, refused
from esb.channels.wechat.wecom_app import WeCom
from esb.contracts.checks import Check, Finding
from esb.contracts.probes import Probes
from esb.contracts.services import Users

AGENT_GET, USER_GET = "/cgi-bin/agent/get", "/cgi-bin/user/get"
UNSEEN = frozenset({60011, 60021, 60111})
"""Errcodes of user/get for a member whom the app does not see, or who is not there."""
USERID = address_of("wx_userid")
RANGE = "in the WeCom admin console: App Management > the app > Allowed users (可见范围)"


def wecom_checks(probes: Probes, app: WeCom | None, config: WeComConfig, users: Users) -> Sequence[Check]:
    """Return the checks of the app that esb.yaml names; without one, of the way to WeCom."""
    proxy = revealed(config.wx_proxy)
    way = [
        *probes.reach(config.wx_qy_host, "wx_proxy" if proxy else "wx_qy_host", proxy=proxy),
        probes.clock(config.wx_qy_host, proxy=proxy),
    ]
    if app is None:
        return [*way, Check("token", "WeCom gives the app a token", _callers_secret)]
    asked = _AppChecks(probes, app, config, users)
    return [
        *way,
        Check("token", "WeCom gives the app a token", asked.token),
        Check("egress", ADDRESS, asked.egress),
        Check("agent", "wx_qy_agentid is the agentid of the secret's app", asked.agent),
        Check("visibility", "the app is visible to those it writes to", asked.visibility),
    ]


async def _callers_secret() -> Finding:
    return Finding("skipped", "every caller brings a secret of its own")


class _AppChecks(WeChatChecks):
    """The questions to WeCom about one app."""

    def __init__(self, probes: Probes, app: WeCom, config: WeComConfig, users: Users) -> None:
        super().__init__(probes, app)
        self._users = users
        self._agentid = config.wx_qy_agentid
        self._about = partial(self._ask, "GET", AGENT_GET, query=f"&agentid={config.wx_qy_agentid}")

    async def egress(self) -> Finding:
        """Judge our address: by the first answer that needs a trusted one, or by that to gettoken."""
        reply = await self._fetched() if self._token is None else await self._about()
        if isinstance(reply, Finding):
            return reply
        return refused(reply.verdict) if names_our_address(reply.verdict) else Finding("ok")

    async def agent(self) -> Finding:
        reply = await self._about()
        if isinstance(reply, Finding):
            return reply
        if reply.verdict.kind not in ACCEPTED:
            return refused(reply.verdict)
        if reply.body.get("close") == 1:
            return Finding("fail", "the app is disabled", "enable it in the WeCom admin console: App Management")
        return Finding("ok", f"{reply.body.get('name', '')} ({self._agentid})")

    async def visibility(self) -> Finding:
        """Judge the visible range: of --send-to if there is one, or else whether there is any."""
        reply = await self._about()
        if isinstance(reply, Finding):
            return reply
        members, groups = _range(reply.body)
        if not members and not groups:
            return Finding("fail", "the app is visible to nobody", f"add members or departments {RANGE}")
        if not self._probes.send_to:
            return Finding("ok", f"{len(members)} members, {groups} departments and tags")
        userid = await receiver_of(self._probes, self._users, USERID)
        if userid.lower() in members:
            return Finding("ok", f"{userid} is one of its members")
        return await self._seen(userid)

    async def _seen(self, userid: str) -> Finding:
        """Ask for a member whom the app may see as one of a department."""
        reply = await self._ask("GET", USER_GET, query=f"&userid={quote(userid, '')}")
        if isinstance(reply, Finding):
            return reply
        if reply.verdict.errcode in UNSEEN:
            cause = f"WeCom knows no {userid} whom the app sees (errcode {reply.verdict.errcode})"
            return Finding("fail", cause, f"add them, or a department of theirs, {RANGE}; or correct the userid")
        return Finding("ok", userid) if reply.verdict.kind in ACCEPTED else refused(reply.verdict)


def _range(body: Mapping[str, Any]) -> tuple[set[str], int]:
    """Return the userids of an app's visible range, in lower case, and the number of its departments and tags."""
    members = {str(each.get("userid", "")).lower() for each in _listed(body, "allow_userinfos", "user")}
    groups = len(_listed(body, "allow_partys", "partyid")) + len(_listed(body, "allow_tags", "tagid"))
    return members, groups


def _listed(body: Mapping[str, Any], field: str, inner: str) -> list[Any]:
    found = body.get(field)
    listed = found.get(inner) if isinstance(found, Mapping) else None
    return listed if isinstance(listed, list) else []
