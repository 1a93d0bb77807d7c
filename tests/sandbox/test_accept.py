"""The choice between a page and JSON."""

import pytest

from esb.sandbox.accept import HTML, JSON, prefers

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "html", "json"),
    [
        ("", False, False),
        ("*/*", False, False),
        (BROWSER, True, False),
        ("application/json", False, True),
        ("Application/JSON; charset=utf-8", False, True),
        ("text/html;q=0.4, application/json;q=0.5", False, True),
        ("application/json, text/html", False, True),
        ("text/html, application/json", True, False),
        ("text/html;q=0", False, False),
        ("application/json;q=often, text/html;q=0.1", True, False),
    ],
)
def test_what_is_named_first_or_wanted_more_is_preferred(accept: str, html: bool, json: bool) -> None:
    assert (prefers(accept, HTML, JSON), prefers(accept, JSON, HTML)) == (html, json)
