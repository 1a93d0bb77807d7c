"""Pages of other origins in a browser: which of them may read answers, and which speak for the browser's user."""

from collections.abc import Collection, Mapping

from aiohttp.web import BaseRequest
from multidict import CIMultiDict, MultiMapping, istr

from esb.config.component_paths import METHODS
from esb.incoming.routing import Route, Routes

ORIGIN = istr("Origin")
FETCH_SITE = istr("Sec-Fetch-Site")
ASKED_METHOD = istr("Access-Control-Request-Method")
ANY = "*"
"""The origin that stands for every one, in esb.yaml and on the wire."""
REQUEST_HEADERS = ", ".join(
    (
        *("Content-Type", "Content-Encoding", "X-Bkapi-Authorization", "X-Bkapi-JWT", "X-Bkapi-Request-Id"),
        *("Blueking-Language", "Blueking-Timezone", "Traceparent"),
        *("Idempotency-Key", "X-Dry-Run", "X-Use-Test-Env", "Prefer"),
    )
)
"""Headers that a page may send: all that the gateway reads."""
ANSWER_HEADERS = "X-Bkapi-Request-Id, RateLimit, RateLimit-Policy, Retry-After, Location, Preference-Applied"
"""Headers of an answer that a page may read, besides those that it always may."""
MAX_AGE = "600"
"""Seconds for which a browser remembers what it may send. Chromium takes no more than 7200; a reload may change it."""
ACCESS_CONTROL = "access-control-"
"""The beginning of all headers by which a server tells browsers its policy."""
_DEFAULT_PORTS = (":443", ":80")


class Cors:
    """The policy of `server.cors`: exact origins, or ANY; `credentials`: they may use the cookies of the gateway."""

    def __init__(self, origins: Collection[str], *, credentials: bool) -> None:
        self._origins = frozenset(origins)
        self._credentials = credentials

    def trusts(self, origin: str) -> bool:
        """Return True if pages of this origin may speak for the user whose cookies they send."""
        return self._credentials and origin in self._origins

    def preflight(self, request: BaseRequest, routes: Routes) -> tuple[Route, dict[str, str]] | None:
        """Return the component that a browser asks about, before its page calls it, and the headers of the answer.

        None for any other request, and for an origin or a component that is not declared.
        """
        if request.method != "OPTIONS" or not self.lets_read(request.headers.get(ORIGIN)):
            return None
        asked, below = request.headers.get(ASKED_METHOD), routes.below(request.path)
        if asked is None or not below:
            return None
        found = {method: found[0] for method in METHODS if (found := routes.find(below, method)) is not None}
        if not found:
            return None
        return found.get(asked) or next(iter(found.values())), {
            "Access-Control-Allow-Methods": ", ".join(found),
            "Access-Control-Allow-Headers": REQUEST_HEADERS,
            "Access-Control-Max-Age": MAX_AGE,
        }

    def replace(self, headers: CIMultiDict[str], more: Mapping[str, str], origin: str | None) -> None:
        """Put this policy, and `more` headers of our own, in the place of an upstream's."""
        for name in [name for name in headers if name.lower().startswith(ACCESS_CONTROL)]:
            headers.popall(name, None)
        headers.update(more)
        headers.extend(self.headers(origin))

    def headers(self, origin: str | None) -> dict[str, str]:
        """Return the headers of every answer to a request with this Origin; None: it has none."""
        vary = {} if ANY in self._origins else {"Vary": "Origin"}
        if origin is None or not self.lets_read(origin):
            return vary
        with_cookies = {"Access-Control-Allow-Credentials": "true"} if self._credentials else {}
        return {
            **vary,
            **with_cookies,
            "Access-Control-Allow-Origin": ANY if ANY in self._origins else origin,
            "Access-Control-Expose-Headers": ANSWER_HEADERS,
        }

    def lets_read(self, origin: str | None) -> bool:
        """Return True if pages of this origin may read answers."""
        return origin is not None and (origin in self._origins or ANY in self._origins)


def is_cross_site(headers: MultiMapping[str], cors: Cors | None) -> bool:
    """Return True if the page of another site made this request, as its browser tells, and `cors` does not trust it.

    A site is a whole domain with all its hosts, and bk_token is the cookie of one. So a neighbour's page counts as one
    of ours unless it names its origin, as it must for whatever is no GET. No browser lets a page write these headers.
    """
    origin = headers.get(ORIGIN)
    if origin is not None and cors is not None and cors.trusts(origin):
        return False
    match headers.get(FETCH_SITE):
        case "same-origin" | "none":
            return False
        case "cross-site":
            return True
    return origin is not None and not _is_own(origin, headers.get("Host", ""))


def is_foreign(headers: MultiMapping[str], cors: Cors | None) -> bool:
    """Return True if a page of an origin that is neither the gateway's nor one that `cors` names made this request."""
    origin = headers.get(ORIGIN)
    if origin is None or (cors is not None and cors.lets_read(origin)):
        return False
    return not _is_own(origin, headers.get("Host", ""))


def _is_own(origin: str, host: str) -> bool:
    """Return True if this origin is that of the gateway itself. Of the scheme it knows nothing behind a proxy."""
    authority, host = origin.partition("://")[2].lower(), host.lower()
    return bool(authority) and authority in {host, *(host.removesuffix(port) for port in _DEFAULT_PORTS)}
