"""Names of request and response headers: which of them end here, and under which name an upstream reads them."""

import re

HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that end with the connection they came on (RFC 9110 §7.6.1)."""
OF_A_BODY = frozenset({"content-digest", "content-encoding", "content-length", "content-md5", "content-type", "digest"})
"""Headers that describe one particular body."""
_FOR_THE_GATEWAY = frozenset(
    {
        # who calls
        "authorization",
        "cookie",  # it may hold bk_token, under whatever name
        "cookie2",
        "remote-user",
        "ssl-client-cert",
        "x-bk-app-code",
        "x-bk-app-secret",
        "x-bk-ticket",
        "x-bk-token",
        "x-bk-username",
        "x-remote-user",
        "x-ssl-client-cert",
        # by which way
        "cf-connecting-ip",
        "client-ip",
        "fastly-client-ip",
        "forwarded",
        "host",
        "proxy",  # CGI reads it as HTTP_PROXY
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-forwarded",
        "x-host",
        "x-http-host-override",
        "x-original-host",
        "x-real-ip",
        # another path or method than those that were asked about
        "path-info",
        "script-name",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-method",
        "x-original-uri",
        "x-original-url",
        "x-request-uri",
        "x-rewrite-url",
        "x-script-name",
        # asked of the gateway itself
        "x-dry-run",
        "x-use-test-env",
    }
)
"""Headers of a caller that no upstream may take for the gateway's word."""
_FAMILIES = ("bk-", "x-accel-", "x-auth-request-", "x-bkapi-", "x-envoy-", "x-forwarded-", "x-sendfile-")
"""The beginnings of further such names."""
_PLAIN = re.compile(r"[A-Za-z0-9-]+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FOLDING = re.compile(r"[^a-z0-9]")


def is_token(name: str) -> bool:
    """Return True if a header can have this name (RFC 9110 §5.1)."""
    return _TOKEN.fullmatch(name) is not None


def folded(name: str) -> str:
    """Return the one spelling of all names that WSGI, CGI or PHP read as the same: Bk_Username is bk-username."""
    return _FOLDING.sub("-", name.lower())


def is_for_upstream(name: str) -> bool:
    """Return True if a caller's header of this name may go upstream.

    Only letters, digits and hyphens: any other character is one that some upstream takes for a hyphen.
    """
    lower = name.lower()
    return (
        _PLAIN.fullmatch(name) is not None
        and lower not in HOP_BY_HOP
        and lower not in _FOR_THE_GATEWAY
        and not lower.startswith(_FAMILIES)
    )
