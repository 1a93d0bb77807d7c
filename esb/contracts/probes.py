"""The toolbox of checks: the name, the connection, TLS and the clock of a place, and what several checks share."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar

from esb.contracts.checks import Check, Finding
from esb.core.call import Call
from esb.core.errors import UpstreamError
from esb.core.nobodys_call import nobodys_call
from esb.outgoing import reachability
from esb.outgoing.client import Outgoing, Target, Tls
from esb.outgoing.engines import tls_failure
from esb.outgoing.reachability import Place, Proxy, Unreached

CHECK_SECONDS = 3.0
"""The time that one check has."""
CERTIFICATE_DAYS = 21
"""Days before the end of a certificate from which on it is a warning: most are renewed 30 days before theirs."""
CLOCK_SECONDS = 30.0
"""Seconds that our clock may be off: signed calls count for minutes, and the date of an answer may be a little old."""
DATE_SECONDS = 1.5
"""The time that an answer with a Date has: without one, the next check still has its own time within the whole."""
CLOCK = Target("ESB", "doctor_clock", sends=False)

T = TypeVar("T")

FIXES = {
    tls_failure.UNKNOWN_CA: "add the authority to those that this machine trusts, or name its file where there is a key"
    " for it; if something on the way decrypts TLS, except this host from it",
    tls_failure.OF_CERTIFICATES[9]: "set the clock of this machine; if it is right, the server has the wrong file",
    tls_failure.OF_CERTIFICATES[10]: "renew the certificate at the server; if it is still good, set the clock of this"
    " machine",
    tls_failure.OF_CERTIFICATES[62]: "write the host name that the certificate is for into <key>, or have one made for"
    " this name",
    tls_failure.OF_CERTIFICATES[64]: "write the host name that the certificate is for into <key>, or have one made for"
    " this address",
    tls_failure.NO_CERTIFICATE: "name a certificate of the gateway where there are keys for it",
    tls_failure.OUR_CERTIFICATE: "have the certificate of the gateway renewed, or accepted there",
    tls_failure.NO_TLS: "correct <key>: the port, or http:// if it is meant to be in the clear",
    reachability.REFUSED: "start what should listen there, or correct <key>",
    reachability.SLOW: "open the way in the firewalls between, or correct <key>",
    reachability.UNREACHABLE: "give this machine a route to it, or correct <key>",
    reachability.PROXY_REFUSED: "let the proxy connect to it, and check its user and password in <key>",
}
"""Reason of a failure -> what to do; <key> stands for the key of esb.yaml that names the place: see `with_key`."""
NAME_FIX = "correct the host in <key>, or the name servers of this machine (/etc/resolv.conf)"
CLOCK_FIX = "let NTP set the clock of this machine (timedatectl set-ntp true)"
OTHER_FIX = "look at the server's own log; <key> names it"


class Probes:
    """The tools that a preflight lends to checks.

    `send_to`: the user who gets a test message, "" if nothing may be sent.
    """

    def __init__(self, http: Outgoing, send_to: str = "") -> None:
        self.http = http
        self.send_to = send_to
        self.held = AsyncExitStack()
        """Closed at the end: connections that one check opens and the next one uses."""
        self.store_settled = asyncio.Event()
        """Set once the store is open, or is known not to be."""
        self._asked: dict[Hashable, asyncio.Future[Any]] = {}

    async def close(self) -> None:
        """End what is still under way, and all that is held."""
        for task in self._asked.values():
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)
        await self.held.aclose()

    def call(self) -> Call:
        """Return a call with the time of one check, for what wants one; it has no caller."""
        return nobodys_call("esb.doctor", CHECK_SECONDS)

    async def once(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what `ask` brings, asked once however many checks want it; its error likewise."""
        if key not in self._asked:
            self._asked[key] = asyncio.ensure_future(ask())
        found: T = await asyncio.shield(self._asked[key])
        return found

    # Checks that many need

    def reach(self, url: str, key: str, *, proxy: str = "", tls: Tls | None = None, part: str = "") -> list[Check]:
        """Return the checks of a URL's host: name, connection, and TLS for https.

        `key` is that of esb.yaml which names it. With a forward proxy, name and connection are the proxy's.
        """
        place = reachability.place_of(url)
        through = reachability.proxy_of(proxy) if proxy else None
        checks = self.reach_place(place if through is None else through.place, key, part)
        if place.secure:
            checks.append(self.tls(place, key, tls, through, part))
        return checks

    def reach_place(self, place: Place, key: str, part: str = "") -> list[Check]:
        """Return the checks of name and connection."""
        return [
            Check("name", f"{place.host} has an address", partial(self._name, place, key), part),
            Check("tcp", f"{place} takes connections", partial(self._tcp, place, key), part),
        ]

    def tls(self, place: Place, key: str, tls: Tls | None = None, proxy: Proxy | None = None, part: str = "") -> Check:
        """Return the check of a certificate: trusted, for this host, and for how many days."""
        return Check("tls", f"{place} has a good certificate", partial(self._tls, place, key, tls, proxy), part)

    def clock(self, url: str, *, proxy: str = "", tls: Tls | None = None) -> Check:
        """Return the check of our clock, by the Date of an answer of this host to HEAD."""
        place = reachability.place_of(url)
        return Check(
            "clock", f"the clock of this machine is that of {place.host}", partial(self._clock, url, proxy, tls)
        )

    async def _name(self, place: Place, key: str) -> Finding:
        try:
            found = await self._addresses(place)
        except Unreached as error:
            return Finding("fail", error.reason, with_key(NAME_FIX, key))
        return Finding("ok", ", ".join(found))

    async def _tcp(self, place: Place, key: str) -> Finding:
        found = await self._addresses(place)
        try:
            reasons = await self.once(("tcp", place), partial(reachability.connections, found, place.port))
        except Unreached as error:
            return Finding("fail", error.reason, with_key(FIXES[error.reason], key))
        dead = [f"{address}: {reason}" for address, reason in reasons.items() if reason]
        if dead and place.host != "localhost":  # which is two addresses everywhere, and servers listen on one
            return Finding("warn", "; ".join(dead), f"have the name {place.host} lead to living addresses only")
        return Finding("ok")

    async def _tls(self, place: Place, key: str, tls: Tls | None, proxy: Proxy | None) -> Finding:
        try:
            days = await self.once(
                ("tls", place, tls, proxy), partial(reachability.certificate_days, place, tls, proxy)
            )
        except Unreached as error:
            return Finding("fail", error.reason, with_key(FIXES.get(error.reason, OTHER_FIX), key))
        return certificate_finding(days)

    async def _clock(self, url: str, proxy: str, tls: Tls | None) -> Finding:
        ask = partial(self.http.request, None, CLOCK, "HEAD", url, proxy=proxy or None, tls=tls, timeout=DATE_SECONDS)
        try:
            answer = await self.once(("clock", url, proxy), ask)
        except UpstreamError as error:
            return Finding("skipped", f"no answer to HEAD: {error.reason}")  # which not every host knows
        return date_finding(answer.headers.get("Date", ""), time.time())

    def _addresses(self, place: Place) -> Awaitable[Sequence[str]]:
        return self.once(("name", place.host), partial(reachability.addresses, place.host))


def with_key(fix: str, key: str) -> str:
    """Return what to do, with the key of esb.yaml that names the place."""
    return fix.replace("<key>", key)


def certificate_finding(days: int) -> Finding:
    """Return what the days that are left of a certificate mean."""
    if days < CERTIFICATE_DAYS:
        return Finding("warn", f"its certificate ends in {days} days", "renew the certificate at the server")
    return Finding("ok", f"its certificate ends in {days} days")


def date_finding(date: str, now: float) -> Finding:
    """Return what the Date of an answer says of our clock. `now`: seconds since 1970 by ours, when it came."""
    try:
        ahead = now - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Finding("skipped", "its answers carry no Date")
    return clock_finding(ahead, CLOCK_FIX)


def clock_finding(ahead: float, fix: str) -> Finding:
    """Return what it means that our clock is so many seconds ahead of another; `fix`: what to do if they are many."""
    if abs(ahead) > CLOCK_SECONDS:
        off = f"this machine is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
        return Finding("warn", off, fix)
    return Finding("ok", f"{abs(ahead):.0f} s apart")
