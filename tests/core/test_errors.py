"""The errors that somebody outside can see: codes, statuses and texts."""

import pytest

from esb.core import errors
from esb.core.errors import ConfigError, EsbError, Limited, Message, Mistake, UpstreamError

CODES = {
    "EsbError": (1306000, 200),
    "Refused": (1306000, 200),
    "AuthenticationError": (1306000, 200),
    "ParameterError": (1306000, 200),
    "RequestError": (1306406, 200),
    "TooLarge": (1306406, 413),
    "BadBody": (1306406, 200),
    "Unreadable": (1306406, 400),
    "TargetTooLong": (1306406, 414),
    "HeadersTooLarge": (1306406, 431),
    "PermissionDenied": (1306403, 200),
    "NotFound": (1306404, 404),
    "Inactive": (1306405, 200),
    "NoTestEnvironment": (1306206, 200),
    "GatewayJwtError": (1306408, 200),
    "Limited": (1306429, 200),
    "QuotaUsedUp": (1306429, 200),
    "Draining": (1306000, 503),
    "UpstreamError": (1306201, 200),
    "Unreachable": (1306201, 200),
}


def test_every_error_has_the_code_and_status_that_clients_know() -> None:
    found = {
        name: (error.code, error.status)
        for name, error in vars(errors).items()
        if isinstance(error, type) and issubclass(error, EsbError)
    }
    assert found == CODES


def test_every_error_is_drawn_in_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn = {name for name in CODES if f" {name} " in errors.__doc__}
    assert drawn == set(CODES)


def test_a_message_is_filled_by_its_values() -> None:
    assert Message("{a} and {b}", {"a": 1, "b": "{a}"}).render() == "1 and {a}"


def test_a_message_without_values_may_hold_braces() -> None:
    assert Message("{a} {").render() == "{a} {"


def test_messages_nest_and_are_translated_template_by_template() -> None:
    catalogue = {"{label} is {problem}": "{problem}: {label}", "required": "必填"}
    message = Message("{label} is {problem}", {"label": "data", "problem": Message("required")})
    assert message.render() == "data is required"
    assert message.render(lambda text: catalogue.get(text, text)) == "必填: data"


def test_an_error_reads_as_its_message() -> None:
    error = EsbError("{who} may not", {"more": 1}, who="You")
    assert str(error) == "You may not"
    assert error.data == {"more": 1}
    assert error.message == Message("{who} may not", {"who": "You"})


def test_an_upstream_error_says_whether_the_upstream_may_have_acted() -> None:
    assert UpstreamError("A", "b", "c").sent
    error = UpstreamError("A", "b", Message("after {seconds:g} s", {"seconds": 3.0}), sent=False, http_status=502)
    assert (error.sent, error.http_status, error.reason.render()) == (False, 502, "after 3 s")
    assert "error: after 3 s, please" in str(error)


class Lost(UpstreamError):
    """An error whose constructor takes less than that of its parent."""

    def __init__(self, reason: str) -> None:
        super().__init__("POST", "carry", reason, sent=True, http_status=502)


@pytest.mark.parametrize("error", [Lost("wet"), Limited("full", 3.0), EsbError("no {what}", {"a": 1}, what="room")])
def test_more_data_makes_another_error_and_leaves_the_one_that_others_wait_for(error: EsbError) -> None:
    before = dict(vars(error))
    told = error.with_data({"more": 1})
    assert (type(told), str(told), told.args) == (type(error), str(error), error.args)
    assert vars(told) == {**before, "data": {"more": 1}}
    assert vars(error) == before


def test_what_was_sent_can_be_told_for_another_request() -> None:
    error = Lost("wet")
    told = error.with_sent(False)
    assert (told.sent, told.transient, told.http_status) == (False, True, 502)
    assert error.sent


def test_a_config_error_lists_every_mistake() -> None:
    mistakes = [Mistake("esb.yaml", 3, "server.port", "too big"), Mistake("more.yaml", 1, "file", "is empty")]
    error = ConfigError(mistakes)
    assert error.mistakes == tuple(mistakes)
    assert str(error) == "esb.yaml:3: server.port: too big\nmore.yaml:1: file: is empty"


@pytest.mark.parametrize("name", sorted(CODES))
def test_every_error_has_a_sentence_of_documentation(name: str) -> None:
    assert getattr(errors, name).__doc__
