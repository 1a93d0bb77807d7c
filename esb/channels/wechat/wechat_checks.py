"""Checks of a WeChat credential that both platforms have: a token, and our address as WeChat sees it."""

from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any

from esb.channels.verdict import ACCEPTED, JudgedAnswer, Verdict
from esb.channels.wechat.account import WeChatAccount
from esb.contracts.checks import Finding
from esb.contracts.probes import Probes
from esb.core.errors import UpstreamError
from esb.store.protocol import StoreAway

NO_TOKEN = Finding("skipped", "without a token it cannot be asked")
ADDRESS = "WeChat takes calls from the address that it sees"
NOT_PASSED_ON = frozenset({403, 404, 405})
"""Statuses of a proxy before WeChat that passes on some of its interfaces only."""
UNASKED = Finding("skipped", "the host passes no such request on to WeChat")
KILLS = (
    "each fetch of a plain token kills the one that the gateways use, so none is fetched; the store holds none either"
)
KILLS_FIX = "use wx_token_api: stable; or a services.store in Redis, and send once, so that a token lies there"
ADDRESS_PAGES = {
    60020: "add <ip> in the WeCom admin console (work.weixin.qq.com/wework_admin): App Management > the app > Trusted"
    " IP (企业可信IP); it counts a minute later",
    40164: "add <ip> at the official account's platform (mp.weixin.qq.com): Settings and Development > Basic"
    " Configuration > IP whitelist (IP白名单); it counts some minutes later",
}
ADDRESS_PAGES[61004] = ADDRESS_PAGES[45035] = ADDRESS_PAGES[40164]
"""Errcode of a refused address -> the page at which it is added; of the others the hint says all there is."""


class WeChatChecks:
    """The checks of one credential in one preflight, which remember the token they got."""

    def __init__(self, probes: Probes, account: WeChatAccount) -> None:
        self._probes = probes
        self._account = account
        self._token: str | None = None

    async def token(self) -> Finding:
        """Ask for a token, or look for the one that the gateways share if a fetch would kill it."""
        if self._account.key.exclusive:
            return await self._shared_token()
        reply = await self._fetched()
        if reply.verdict.kind in ACCEPTED:
            self._token = self._account.token_in(reply.body)
            return Finding("ok")
        if names_our_address(reply.verdict):
            return Finding("skipped", "WeChat gives none to the address that it sees here")
        return refused(reply.verdict)

    async def _shared_token(self) -> Finding:
        await self._probes.store_settled.wait()
        try:
            self._token = await self._account.kept_token()
        except StoreAway as away:
            return Finding("skipped", f"a plain token is that of all gateways, and their store is away: {away.reason}")
        if self._token is None:
            return Finding("skipped", KILLS, KILLS_FIX)
        return Finding("ok", "the one that the gateways share, not fetched anew")

    def _fetched(self) -> Awaitable[JudgedAnswer]:
        key = ("token", self._account.key.name)
        return self._probes.once(key, lambda: self._account.live_token(self._probes.call()))

    async def _ask(
        self, method: str, endpoint: str, *, query: str = "", body: Mapping[str, Any] | None = None
    ) -> JudgedAnswer | Finding:
        """Return WeChat's answer; the finding without one if there is no token, or no way for such a request."""
        token = self._token
        if token is None:
            return NO_TOKEN
        key = (endpoint, query, self._account.key.name)
        ask = partial(self._account.ask, self._probes.call(), token, method, endpoint, query=query, body=body)
        try:
            return await self._probes.once(key, ask)
        except UpstreamError as error:
            if error.http_status in NOT_PASSED_ON:
                return UNASKED
            raise


def names_our_address(verdict: Verdict) -> bool:
    """Tell whether WeChat refuses the address that it sees."""
    return "ip" in verdict.hint.values


def refused(verdict: Verdict) -> Finding:
    """Return a refusal as a finding: WeChat's own words, and what to do about them."""
    page = ADDRESS_PAGES.get(verdict.errcode) if names_our_address(verdict) else None
    fix = str(verdict.hint) if page is None else page.replace("<ip>", str(verdict.hint.values["ip"]))
    return Finding("fail", f"errcode {verdict.errcode}: {verdict.errmsg}", fix)
