"""The reading of an upstream's answer: its code for the log, its JSON, and whether it may have acted."""

from typing import Any

import pytest
from multidict import CIMultiDict

from esb.core.errors import UpstreamError
from esb.outgoing.engine import Answer, Target
from esb.outgoing.json_answer import MOST_NODES, may_have_acted, own_code, read_json, read_object

TARGET = Target("chat", "send")


def answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status, CIMultiDict(), body)


@pytest.mark.parametrize("status", [100, 200, 204, 299, 303, 408, 429, 500, 503, 599])
def test_an_upstream_may_have_acted_unless_its_status_says_no(status: int) -> None:
    assert may_have_acted(status)


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308, 400, 401, 404, 409, 428, 430, 499])
def test_a_status_that_says_no_leaves_no_doubt(status: int) -> None:
    assert not may_have_acted(status)


@pytest.mark.parametrize("code", [0, -1, 42001, "0", "-1", "0042", "1" * 20])
def test_a_number_is_a_code(code: Any) -> None:
    assert own_code(code) == code


@pytest.mark.parametrize("code", ["", "-", "a1", "1a", "1 ", "1" * 21, "1.5", 1.5, True, None, [], {}])
def test_nothing_else_is_a_code(code: Any) -> None:
    assert own_code(code) is None


@pytest.mark.parametrize(("status", "sent"), [(500, True), (404, False)])
def test_another_status_than_wanted_is_an_error(status: int, sent: bool) -> None:
    for read in (read_json, read_object):
        with pytest.raises(UpstreamError, match=f"Status Code: {status}") as caught:
            read(TARGET, answer(b"{}", status))
        error = caught.value
        assert (error.system, error.interface, error.http_status, error.sent) == ("chat", "send", status, sent)
        assert read(TARGET, answer(b"{}", status), (200, status)) == {}


@pytest.mark.parametrize("body", [b"<html>", b"", b"{", b"\xff"])
def test_what_is_no_json_is_an_error_that_may_have_been_acted_upon(body: bytes) -> None:
    for read in (read_json, read_object):
        with pytest.raises(UpstreamError, match="is not the JSON format") as caught:
            read(TARGET, answer(body))
        error = caught.value
        assert (error.system, error.interface, error.http_status, error.sent) == ("chat", "send", 200, True)


def test_json_of_too_many_values_is_an_error_and_tells_the_status() -> None:
    with pytest.raises(UpstreamError, match="the response is too large") as caught:
        read_json(TARGET, answer(b"[%b1]" % (b"1," * MOST_NODES)))
    error = caught.value
    assert (error.system, error.interface, error.http_status, error.sent) == ("chat", "send", 200, True)


@pytest.mark.parametrize(("body", "value"), [(b"[1]", [1]), (b"null", None), (b'"a"', "a"), (b"7", 7)])
def test_json_that_is_no_object_is_an_error_only_where_an_object_is_wanted(body: bytes, value: Any) -> None:
    assert read_json(TARGET, answer(body)) == value
    with pytest.raises(UpstreamError, match="is not the JSON format"):
        read_object(TARGET, answer(body))


@pytest.mark.parametrize(("values", "is_read"), [(499_999, True), (500_000, False)])
def test_half_a_million_values_are_read_and_no_more(values: int, is_read: bool) -> None:
    body = b"[" + b",".join([b"0"] * values) + b"]"  # the array is a value as well
    if is_read:
        assert len(read_json(TARGET, answer(body))) == values
    else:
        with pytest.raises(UpstreamError, match="too large"):
            read_json(TARGET, answer(body))


@pytest.mark.parametrize(("levels", "is_read"), [(1000, True), (1001, False)])
def test_a_thousand_levels_are_read_and_no_more(levels: int, is_read: bool) -> None:
    body = b"[" * levels + b"]" * levels
    if is_read:
        assert read_json(TARGET, answer(body))
    else:
        with pytest.raises(UpstreamError, match="is not the JSON format"):
            read_json(TARGET, answer(body))
