"""Access to the pages: who a visitor is, and what they may see and do. The configuration of the moment counts.

Operators are told by a token of `server.admin.tokens`, in a session or in the header Authorization; or by single
sign-on, in a header that only proxies of `server.portal.trusted_from` may send. Where there is neither, everybody on
this machine may read, and nobody may write.
"""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

from esb.config import Admin, Config, Portal
from esb.core.host_names import is_loopback
from esb.incoming.operator_credentials import bearer, is_known_host, known_token
from esb.incoming.trusted_proxies import is_trusted, peer
from esb.portal.language import language_of
from esb.portal.page import Refused
from esb.portal.parts import Access
from esb.portal.sessions import SESSION, VISITOR, Sessions, cookie, new_identity
from esb.portal.visitor import Visitor

CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
READING = frozenset({"GET", "HEAD"})
SAME_SITE = frozenset({"same-origin", "none"})
"""Sec-Fetch-Site of requests that no foreign page has made."""
FORWARDED = frozenset({"Forwarded", "X-Forwarded-For", "X-Real-IP"})
"""Headers of requests that a proxy has passed on, for a browser that may be anywhere."""
LONGEST_NAME = 64


class Gatekeeper:
    """Lets in whom the configuration of the moment lets in."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    def visitor(self, request: web.Request, config: Config) -> Visitor:
        """Return who asks. Refused if the request names this place by a name that is not known."""
        portal, admin = config.server.portal or Portal(), config.server.admin
        trusted = is_trusted(peer(request.remote or ""), portal.trusted_from)
        if not trusted and not is_known_host(request.headers.getall("Host", ()), portal.hosts):
            raise Refused(403, "Neither an address, localhost nor one of server.portal.hosts: who asked for this name?")
        tokens = () if admin is None else admin.tokens
        session, known = cookie(request, SESSION), cookie(request, VISITOR)
        identity = known or new_identity()
        logged_in = self.sessions.token_of(session, tokens)
        shown = known_token(bearer(request.headers.get("Authorization", "")), tokens)
        single = request.headers.get(portal.trusted_header, "") if trusted and portal.trusted_header else ""
        name = shown.name if shown else logged_in.name if logged_in else single[:LONGEST_NAME]
        return Visitor(
            name=name,
            reads=bool(name) or (_is_open(portal, admin) and not any(each in request.headers for each in FORWARDED)),
            language=language_of(request),
            csrf="" if shown else self.sessions.csrf(identity, session),
            is_logged_in=logged_in is not None,
            new_cookie="" if known else identity,
        )

    def admit(self, access: Access, visitor: Visitor) -> None:
        """Raise Refused unless the visitor may have a page of this access."""
        if access is Access.EVERYBODY or visitor.name:
            return
        if access is Access.WRITE:
            raise Refused(401, "Log in with a token of server.admin.tokens first: `esb admin token NAME` makes one.")
        if not visitor.reads:
            raise Refused(401, "This page is for operators: log in with a token of server.admin.tokens.")

    async def check_origin(self, request: web.Request, visitor: Visitor) -> None:
        """Raise Refused for a POST that a foreign page may have made, and for a form that nobody can read."""
        if request.method in READING:
            return
        origin = request.headers.get("Origin")
        is_foreign = request.headers.get("Sec-Fetch-Site", "none") not in SAME_SITE or (
            origin is not None and urlsplit(origin).netloc != request.host
        )
        if visitor.csrf and is_foreign:
            raise Refused(403, "Another site has sent this request.")
        form = await _form(request)
        if not visitor.csrf:
            return
        sent = request.headers.get(CSRF_HEADER) or form.get(CSRF_FIELD, "")
        if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), visitor.csrf.encode()):
            raise Refused(403, "The form is too old, or not of this portal: load the page again.")


async def _form(request: web.Request) -> Mapping[str, object]:
    """Return the form that a request brings; whoever asks again, has it without reading."""
    try:
        return await request.post()
    except (ValueError, LookupError, RuntimeError):  # no UTF-8, a broken part, an unknown charset or encoding
        raise Refused(400, "This form cannot be read.") from None


def _is_open(portal: Portal, admin: Admin | None) -> bool:
    """Return True if nothing tells operators apart, and nobody on another machine comes here."""
    has_means = bool(admin and admin.tokens) or bool(portal.trusted_header)
    if has_means:
        return admin is not None and admin.read is None and not portal.trusted_header and is_loopback(portal.host)
    return is_loopback(portal.host)
