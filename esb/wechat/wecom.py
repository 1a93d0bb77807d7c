"""A WeCom (企业微信) app: tokens from qyapi.weixin.qq.com, and text messages to up to 1000 members a call."""

from collections.abc import Sequence
from functools import partial
from urllib.parse import urlencode

from esb.call import Call
from esb.flight import fan_out
from esb.outgoing import Target
from esb.wechat.account import Account
from esb.wechat.errcodes import WECOM_REFUSED
from esb.wechat.outcome import Outcome, attempt
from esb.wechat.text import pages

RECEIVERS_PER_CALL = 1000
"""Source: developer.work.weixin.qq.com/document/path/90236, touser."""
TEXT_BYTES = 2048
"""Longer text is cut by WeCom; same source, text.content."""
CALLS_AT_ONCE = 4
SEND = "send_message"


class WeCom(Account):
    """An app of a corporation: its corpid and the app's own secret."""

    platform = "qy"
    system = "weixin_qy"
    refused = WECOM_REFUSED

    async def send_text(self, call: Call, userids: Sequence[str], agentid: int, text: str) -> Outcome:
        """Sends a text, in as many numbered pages and calls as its length and its receivers need."""
        chunks = [userids[start : start + RECEIVERS_PER_CALL] for start in range(0, len(userids), RECEIVERS_PER_CALL)]
        send = partial(self._send_pages, call, agentid, pages(text, TEXT_BYTES))
        return Outcome.joined(await fan_out(send, chunks, CALLS_AT_ONCE))

    async def _send_pages(self, call: Call, agentid: int, contents: Sequence[str], userids: Sequence[str]) -> Outcome:
        """The pages in order; who missed one gets none of the later ones, and is told as not reached."""
        outcomes = []
        for number, content in enumerate(contents):
            outcome = await self._send_page(call, agentid, content, userids)
            outcomes.append(outcome.on_page(number, len(contents)))
            userids = outcome.accepted
            if not userids:
                break
        return Outcome.in_order(outcomes)

    async def _send_page(self, call: Call, agentid: int, content: str, userids: Sequence[str]) -> Outcome:
        message = {"touser": "|".join(userids), "msgtype": "text", "agentid": agentid, "text": {"content": content}}
        return await attempt(userids, self.post(call, SEND, "/cgi-bin/message/send", message))

    async def _ask_token(self, call: Call, target: Target) -> dict[str, object]:
        query = urlencode({"corpid": self.key.account, "corpsecret": self._secret})
        return await self._http.json(call, target, "GET", f"{self._host}/cgi-bin/gettoken?{query}", proxy=self._proxy)
