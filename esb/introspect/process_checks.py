"""Checks of the process itself: how many files it may open, its time zone, and whom it trusts as a proxy."""

import os
import resource
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from esb.config import Config, Portal
from esb.contracts.checks import Check, Finding
from esb.core.host_names import is_loopback

FILES = 4096
"""Open files that are few: each caller's connection and each upstream's is one. Debian's shells begin with 1024."""
LIMIT_FIX = "LimitNOFILE=65536 in the systemd unit, or `ulimit -n 65536` in the shell that starts it"

TOKENS_FIX = (
    "server.admin.tokens (`esb admin token NAME` makes one), or trusted_header and trusted_from of server.portal"
)


def process_checks(config: Config) -> Sequence[Check]:
    """Return the checks of a process that this machine's user starts here, as `esb serve` would be."""
    portal = config.server.portal
    return [
        Check("open_files", "the process may open enough files", partial(_open_files, config), "open_files"),
        Check("time_zone", "dates in messages are in the right time zone", partial(_time_zone, config), "time_zone"),
        Check("trusted_proxies", "only proxies may name callers' addresses", partial(_proxies, config), "proxies"),
        *([] if portal is None else [Check("portal", "operators are known", partial(_operators, config), "portal")]),
    ]


async def _open_files(config: Config) -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return Finding("ok", "no limit")
    needed = max(FILES, 2 * (config.server.max_connections or 0))
    if soft < needed:
        most = "" if hard in (soft, resource.RLIM_INFINITY) else f" (at most {hard} without root)"
        return Finding("warn", f"{soft} files{most}; {needed} are better", LIMIT_FIX)
    return Finding("ok", f"{soft} files")


async def _time_zone(config: Config) -> Finding:
    now = datetime.now(config.server.zone).astimezone(config.server.zone)
    shown = f"it is {now:%Y-%m-%d %H:%M} there"
    if config.server.timezone is not None:
        return Finding("ok", f"{config.server.timezone}: {shown}")
    if now.utcoffset() == timedelta(0) and not os.environ.get("TZ"):
        return Finding("warn", f"the machine's, UTC: {shown}", "server.timezone, such as Asia/Shanghai")
    return Finding("ok", f"the machine's, {now.tzname()}: {shown}")


async def _proxies(config: Config) -> Finding:
    server = config.server
    everybody = [str(network) for network in server.trusted_proxies if network.prefixlen == 0]
    if everybody:
        return Finding(
            "warn",
            f"{', '.join(everybody)} lets every caller claim any address",
            "name the proxies' own addresses in server.trusted_proxies",
        )
    if not server.trusted_proxies and not is_loopback(server.host):
        return Finding("ok", "none: callers' addresses are those of their connections; behind a proxy, name it")
    return Finding("ok", ", ".join(map(str, server.trusted_proxies)) or "none")


async def _operators(config: Config) -> Finding:
    portal, admin = config.server.portal or Portal(), config.server.admin
    means = [f"by {portal.trusted_header} from {', '.join(map(str, portal.trusted_from))}"] * bool(
        portal.trusted_header
    )
    if admin is not None and admin.tokens:
        means.append(f"by {len(admin.tokens)} tokens")
    if means:
        return Finding("ok", ", ".join(means))
    if is_loopback(portal.host):
        return Finding("ok", "nobody is: everybody on this machine reads, and nobody writes")
    return Finding(
        "warn", f"nobody is, and other machines reach {portal.host}: operators' pages are closed", TOKENS_FIX
    )
