"""Requests that a page of another site has a browser send: these change nothing here."""

from urllib.parse import urlsplit

from aiohttp import web

READING = frozenset({"GET", "HEAD", "OPTIONS"})


def is_foreign(request: web.Request) -> bool:
    """Tell whether a browser sends this for another site. Clients that are no browsers never do.

    Sec-Fetch-Site is what newer browsers say; Origin comes with every POST of the older ones, and where the sandbox is
    reached without TLS at an address that is not this machine.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and _host(origin) != request.host.lower()


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
