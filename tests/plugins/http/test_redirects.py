"""Redirects of an upstream to itself, said as paths of the gateway."""

import pytest

from esb.plugins.http.redirects import Redirects
from tests.support.calls import make_call
from tests.support.costs import affordable

HOST = "http://upstream:1"


async def rewritten(upstream: str, own: str, location: str) -> str:
    call = make_call(path=own, path_vars={"id": "5"})
    return Redirects([HOST], upstream).rewritten(location, f"{HOST}/asked/", call)


@pytest.mark.parametrize(
    ("upstream", "own", "location", "shown"),
    [
        ("/cc/{id}/", "/x/{id}/", "/cc/6/", "/x/6/"),
        ("/cc/{id}/", "/x/{id}/y/", "/cc/6/edit/?a=1", "/x/6/y/edit/?a=1"),
        ("/cc/{id}/{n}/", "/x/{n}/{id}/", "/cc/1/2/3/", "/x/2/1/3/"),
        ("/cc/{id}", "/x/{id:path}", "/cc/6/edit", "/x/6/edit"),
        ("/cc/{id:path}/", "/x/{id}/", "/cc/6/edit/", "/x/6/edit/"),
    ],
)
async def test_a_variable_holds_slashes_only_where_a_path_says_so(
    upstream: str, own: str, location: str, shown: str
) -> None:
    assert await rewritten(upstream, own, location) == f"/api/c/compapi{shown}"


@pytest.mark.parametrize("location", ["http://[::1/cc/5/", "//[", f"{HOST}1/cc/5/", "http://upstream:1@other/cc/5/"])
async def test_what_is_no_url_of_the_upstream_stays_as_it_is(location: str) -> None:
    assert await rewritten("/cc/{id}/", "/x/{id}/", location) == location


async def test_no_location_takes_long_to_read() -> None:
    location = "/cc" + "/" * 1000 + "x"
    call = make_call(path="/x/{id}/{n}/{m}/")
    redirects = Redirects([HOST], "/cc/{id}/{n}/{m}/z")
    assert affordable(lambda: redirects.rewritten(location, f"{HOST}/asked/", call), 0.1)
