"""The headers of a request that mean something here: their names, and what of them goes where."""

from collections.abc import Collection, Iterator

from multidict import MultiMapping, istr

from esb.core.call import ORDINARY, Options
from esb.core.errors import RequestError
from esb.core.header_names import OF_A_BODY
from esb.core.params import switched_on
from esb.incoming.routing import Route
from esb.incoming.upgrade import OF_WEBSOCKETS, UPGRADE

# Names of headers are istr, since those are looked up in half the time. Bench: send.
REQUEST_ID = istr("X-Bkapi-Request-Id")
AUTHORIZATION = istr("X-Bkapi-Authorization")
GATEWAY_JWT = istr("X-Bkapi-JWT")
COOKIE = istr("Cookie")
CONTENT_TYPE = istr("Content-Type")
LANGUAGE = istr("Blueking-Language")
FORWARDED_HEADERS = (LANGUAGE, istr("Blueking-Timezone"), istr("Traceparent"))
"""Headers of a caller that go upstream; nothing else of it does."""
TEST_ENV, DRY_RUN = istr("X-Use-Test-Env"), istr("X-Dry-Run")
IDEMPOTENCY_KEY, PREFER = istr("Idempotency-Key"), istr("Prefer")
"""Headers that ask something of the gateway itself."""
RARE = (UPGRADE, GATEWAY_JWT, COOKIE, *FORWARDED_HEADERS, TEST_ENV, DRY_RUN, IDEMPOTENCY_KEY, PREFER)
"""Headers that most requests are without: looked for together, in a third of the time. Bench: send."""
RESPOND_ASYNC = "respond-async"
_TELLING = OF_A_BODY | {"connection"}
"""Headers that say what a body is, and which other headers are not for upstreams."""


def passing(headers: MultiMapping[str], route: Route) -> tuple[tuple[str, str], ...]:
    """Return the headers that a component which streams gets: those named, and those that say what others mean."""
    pairs, named = tuple(headers.items()), route.headers_in
    if named is None:
        return pairs
    return tuple(pair for pair in pairs if _is_named(pair[0].lower(), named))


def _is_named(name: str, named: Collection[str]) -> bool:
    return name in named or name in _TELLING or name.startswith(OF_WEBSOCKETS)


def forwarded(headers: MultiMapping[str]) -> Iterator[tuple[str, str]]:
    """Yield the headers that go upstream, of those that can be written there."""
    for name in FORWARDED_HEADERS:
        if (value := headers.get(name)) and value.isascii():
            yield name, value


def options(headers: MultiMapping[str], route: Route, *, signs: bool) -> Options:
    """Return what these headers ask of the gateway itself. RequestError if a signature does not cover them."""
    test_env, dry_run, key = headers.get(TEST_ENV), headers.get(DRY_RUN), headers.get(IDEMPOTENCY_KEY)
    respond_async = PREFER in headers and _prefers_async(headers, route)
    if test_env is None and dry_run is None and key is None and not respond_async:
        return ORDINARY
    if signs and (dry_run is not None or key is not None or respond_async):
        raise RequestError(
            "Parameters error, the signature [bk_signature] does not cover the request headers X-Dry-Run, "
            "Idempotency-Key and Prefer: please sign the parameters dry_run, idempotency_key and async instead"
        )
    return Options(
        test_env=switched_on(test_env),
        dry_run=switched_on(dry_run),
        idempotency_key=key,
        respond_async=respond_async,
    )


def _prefers_async(headers: MultiMapping[str], route: Route) -> bool:
    """Return True for a header Prefer (RFC 7240) with respond-async, unless it is for the upstream."""
    if route.streams_body and (route.headers_in is None or _is_named(PREFER.lower(), route.headers_in)):
        return False
    preferences = (each for header in headers.getall(PREFER) for each in header.split(","))
    return any(each.partition(";")[0].partition("=")[0].strip().lower() == RESPOND_ASYNC for each in preferences)


def text(header: str) -> str:
    """Return a header's text. Bytes that are no UTF-8 come as lone surrogates, which nothing else could encode."""
    return header if header.isascii() else header.encode(errors="replace").decode()
