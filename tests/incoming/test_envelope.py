"""The one form of every answer."""

from typing import Any

import pytest

from esb.contracts.component import Envelope
from esb.core.errors import EsbError, Inactive, Limited, UpstreamError
from esb.incoming import envelope

ID = "0" * 32
KEYS = {"result", "code", "message", "data", "request_id"}


@pytest.mark.parametrize("data", [None, 0, False, "", [], {"result": False}])
def test_whatever_a_component_returns_is_the_data_of_a_success(data: Any) -> None:
    assert envelope.success(data, ID) == {
        "result": True,
        "code": 0,
        "message": "OK",
        "data": data,
        "request_id": ID,
    }


def test_an_error_is_a_failure_with_its_code_and_text() -> None:
    made = envelope.failure(Inactive("Not found, {what}", {"a": 1}, what="channel"), ID)
    assert made == {
        "result": False,
        "code": 1306405,
        "message": "Not found, channel",
        "data": {"a": 1},
        "request_id": ID,
    }


def test_a_limit_tells_when_to_come_again() -> None:
    assert envelope.failure(Limited("slowly", 2.5), ID)["data"] == {"retry_after": 2.5}
    assert envelope.failure(Limited("slowly", 2.5, {"a": 1}), ID)["data"] == {"a": 1}


def test_an_upstreams_failure_has_the_old_words() -> None:
    made = envelope.failure(UpstreamError("WEIXIN", "send", "too slow"), ID)
    assert made["message"] == (
        "Component request third-party system [WEIXIN] interface [send] error: too slow,"
        " please try again later or contact component developer to handle this"
    )


def test_a_crash_tells_nothing_but_the_id() -> None:
    made = envelope.crash(ID)
    assert (made["code"], made["data"], made["request_id"]) == (1306000, None, ID)
    assert made["message"] == "Component error, please contact the component developer to handle it."


@pytest.mark.parametrize(
    ("own", "completed"),
    [
        ({}, {"result": False, "code": 1306000, "message": "", "data": None}),
        ({"result": True}, {"result": True, "code": 0, "message": "", "data": None}),
        ({"code": "00", "result": True}, {"result": True, "code": "00", "message": "", "data": None}),
        ({"message": "m", "data": [], "total": 2}, {"result": False, "code": 1306000, "message": "m", "data": []}),
        ({"request_id": "forged"}, {"result": False}),
    ],
)
def test_an_envelope_of_a_components_own_gets_what_it_lacks(own: dict[str, Any], completed: dict[str, Any]) -> None:
    made = envelope.completed(Envelope(own), ID)
    assert made == {**made, **own, **completed, "request_id": ID}
    assert set(made) == KEYS | set(own)


def test_every_kind_of_answer_has_the_same_keys() -> None:
    for made in (
        envelope.success(1, ID),
        envelope.completed(Envelope(), ID),
        envelope.failure(EsbError("no"), ID),
        envelope.crash(ID),
    ):
        assert set(made) == KEYS
