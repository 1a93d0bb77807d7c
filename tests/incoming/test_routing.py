"""The component that answers a path."""

import pytest

from esb.incoming.routing import Route, Routes
from tests.support.calls import explode


def route(name: str, *methods: str, active: bool = True) -> Route:
    chosen = frozenset(methods or ("GET", "POST"))
    return Route(f"/{name}/", name, chosen, active, 30.0, 1000, 1000, explode, explode)


def test_a_route_knows_its_system_and_its_component() -> None:
    found = route("cmsi.send_weixin")
    assert (found.system, found.component) == ("cmsi", "send_weixin")
    found = route("cc.host.list")
    assert (found.system, found.component) == ("cc", "host.list")


def test_an_exact_path_wins_over_one_with_variables_declared_before() -> None:
    variable, exact = route("variable"), route("exact")
    routes = Routes([(variable, ["/a/{b}/"]), (exact, ["/a/b/"])])
    assert routes.find("/a/b/", "GET") == (exact, {})
    assert routes.find("/a/c/", "GET") == (variable, {"b": "c"})


def test_paths_with_variables_are_tried_in_the_order_of_their_declaration() -> None:
    first, second = route("first"), route("second")
    routes = Routes([(first, ["/a/{x}/c/"]), (second, ["/a/b/{y}/"])])
    assert routes.find("/a/b/c/", "GET") == (first, {"x": "b"})
    assert routes.find("/a/b/d/", "GET") == (second, {"y": "d"})


def test_a_method_passes_over_the_routes_that_lack_it() -> None:
    read, write, any_other = route("read", "GET"), route("write", "POST"), route("other", "DELETE")
    routes = Routes([(read, ["/a/"]), (write, ["/a/"]), (any_other, ["/{x}/"])])
    assert routes.find("/a/", "GET") == (read, {})
    assert routes.find("/a/", "POST") == (write, {})
    assert routes.find("/a/", "DELETE") == (any_other, {"x": "a"})
    assert routes.find("/a/", "PUT") is None


def test_a_variable_that_may_hold_slashes_takes_all_the_rest_and_others_one_segment() -> None:
    one, many = route("one"), route("many")
    routes = Routes([(one, ["/a/{x}/"]), (many, ["/a/{y:path}/"])])
    assert routes.find("/a/b/", "GET") == (one, {"x": "b"})
    assert routes.find("/a/b/c\n/", "GET") == (many, {"y": "b/c\n"})


def test_head_goes_where_get_goes_unless_another_declares_it() -> None:
    read, head, write, both = route("read", "GET"), route("head", "HEAD"), route("write", "POST"), route("both", "GET")
    routes = Routes([(read, ["/a/", "/b/"]), (head, ["/a/", "/{x}/c/"]), (write, ["/d/"]), (both, ["/{x}/{y}/"])])
    assert routes.find("/a/", "HEAD") == (head, {})
    assert routes.find("/b/", "HEAD") == (read, {})
    assert routes.find("/d/", "HEAD") is None
    assert routes.find("/e/c/", "HEAD") == (head, {"x": "e"})
    assert routes.find("/e/d/", "HEAD") == (both, {"x": "e", "y": "d"})


def test_an_alias_leads_to_the_same_route() -> None:
    found = route("found")
    routes = Routes([(found, ["/a/{x-1}/", "/v2/{x-1}/a/"])])
    assert routes.find("/a/1/", "GET") == routes.find("/v2/1/a/", "GET") == (found, {"x-1": "1"})


@pytest.mark.parametrize("path", ["/a/", "/a//", "/a/b/c/", "/A/b/", "/x/a/b/", "/a/b/\n", "/a/b"])
def test_a_variable_is_one_part_of_a_path_and_not_empty(path: str) -> None:
    assert Routes([(route("a"), ["/a/{b}/"])]).find(path, "GET") is None


@pytest.mark.parametrize("value", ["b", "a.b", "二", "%", "{b}", " ", "b c", "a\n"])
def test_a_variable_takes_any_characters(value: str) -> None:
    found = Routes([(route("a"), ["/a/{b}/"])]).find(f"/a/{value}/", "GET")
    assert found is not None
    assert found[1] == {"b": value}


@pytest.mark.parametrize("path", ["/axb/c/", "/a.b/cc/"])
def test_what_stands_between_variables_is_taken_by_the_letter(path: str) -> None:
    assert Routes([(route("a"), ["/a.b/{x}/c+/"])]).find(path, "GET") is None


def test_a_path_is_declared_active_inactive_or_not_at_all() -> None:
    routes = Routes([(route("on"), ["/on/"]), (route("off", active=False), ["/off/", "/out/"])])
    assert (routes.declared("/on/"), routes.declared("/off/"), routes.declared("/out/")) == (True, False, False)
    assert routes.declared("/nowhere/") is None
