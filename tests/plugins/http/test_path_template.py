"""The path of an upstream with variables in it."""

from typing import Any

import pytest

from esb.core.errors import RequestError
from esb.plugins.http.path_template import PathTemplate, fault

OF_LETTERS = "a {variable} is made of letters, digits, _ and -"
NO_MORE = "a path holds no white space, no query and no fragment; fixed parameters belong under `params`"


@pytest.mark.parametrize(
    "path", ["/", "/x/", "/x/{id}/", "/{a}/{b_c}/{d-1}", "/{rest:path}/", "/%20/:@!$&'()*+,;=~-._"]
)
def test_a_template_is_a_path_with_names_in_it(path: str) -> None:
    assert fault(path) is None


@pytest.mark.parametrize(
    ("path", "mistake"),
    [
        ("x/", "a path starts with /"),
        ("", "a path starts with /"),
        *((path, OF_LETTERS) for path in ("/{", "/}", "/{a b}/", "/{}/", "/{a}}/", "/{{a}/", "/a{/", "/{a/b}")),
        *((f"/a{sign}b/", NO_MORE) for sign in " \t\n?#\\\x00\x1f\u00a0"),
    ],
)
def test_the_mistake_in_a_template_is_told(path: str, mistake: str) -> None:
    assert fault(path) == mistake


@pytest.mark.parametrize(
    ("called", "parameters", "filled"),
    [
        ({}, {"id": 7, "name": "a"}, "/x/7/a/~b/"),
        ({}, {"id": 7.5, "name": True}, "/x/7.5/true/~b/"),
        ({}, {"id": 0, "name": False}, "/x/0/false/~b/"),
        ({}, {"id": "你 ?#%", "name": "."}, None),
        ({}, {"id": "你 a+", "name": "a.b"}, "/x/%E4%BD%A0%20a%2B/a.b/~b/"),
        ({"id": "of the path"}, {"id": "of the parameters", "name": "a"}, "/x/of%20the%20path/a/~b/"),
        ({"id": "a/b"}, {"name": "a"}, "/x/a/b/a/~b/"),
        ({}, {"id": "a/b", "name": "a"}, None),
        ({}, {"id": "..", "name": "a"}, None),
    ],
)
def test_a_value_stays_where_it_stands(called: dict[str, str], parameters: dict[str, Any], filled: str | None) -> None:
    template = PathTemplate("/x/{id}/{name}/~b/")
    assert template.names == ("id", "name")
    if filled is not None:
        assert template.fill(called, parameters) == filled
        return
    with pytest.raises(RequestError, match="cannot stand in a path"):
        template.fill(called, parameters)


def test_a_parameter_holds_slashes_where_the_template_lets_it() -> None:
    assert PathTemplate("/x/{rest:path}/").fill({}, {"rest": "a/b c"}) == "/x/a/b%20c/"


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        (None, "is required"),
        ("", "is required"),
        ([], "must be a text or a number"),
        ({}, "must be a text or a number"),
    ],
)
def test_what_cannot_be_written_in_a_path_is_refused(value: Any, mistake: str) -> None:
    with pytest.raises(RequestError, match=rf"param id {mistake}"):
        PathTemplate("/{id}/").fill({}, {"id": value})
    with pytest.raises(RequestError, match=r"param id is required"):
        PathTemplate("/{id}/").fill({}, {})


def test_what_a_template_holds_besides_is_written_as_it_must_be() -> None:
    assert PathTemplate("/你/%20/:@!$&'()*+,;=~-._/{a}").fill({}, {"a": "b"}) == "/%E4%BD%A0/%20/:@!$&'()*+,;=~-._/b"
