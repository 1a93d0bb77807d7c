"""The form in which answers are kept, and what a repetition of their call gets."""

from typing import Any

import pytest

from esb import Envelope, Reply
from esb.core.errors import EsbError, Message
from esb.delivery import replay


def repeated(envelope: dict[str, Any]) -> Any:
    answer = replay.restored(replay.encoded(envelope))
    assert isinstance(answer, Envelope)
    return dict(answer)


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (Envelope({"result": True, "data": 1}), {"result": True, "data": 1}),
        (Reply(200), {"result": True}),
        (Reply(399), {"result": True}),
        (Reply(400), {"result": False}),
        ([1], {"result": True, "code": 0, "message": "OK", "data": [1]}),
        (None, {"result": True, "code": 0, "message": "OK", "data": None}),
    ],
)
def test_an_answer_is_kept_as_its_envelope(answer: Any, kept: dict[str, Any]) -> None:
    assert replay.answered(answer) == kept


def test_an_error_is_kept_with_all_that_it_tells() -> None:
    error = EsbError("no {name}", {"errcode": 7}, name="way")
    kept = replay.failed(error)
    assert (kept["result"], kept["code"], str(kept["message"]), kept["data"]) == (
        False,
        error.code,
        "no way",
        {"errcode": 7},
    )
    assert replay.crashed()["result"] is False
    assert replay.crashed()["data"] == {"outcome": "unknown", "retryable": False}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}], "replayed": True}),
        (None, {"replayed": True}),
        ({}, {"replayed": True}),
        ([1], [1]),
        (0, 0),
    ],
)
def test_a_repetition_gets_the_data_and_is_told_that_it_is_one(data: Any, told: Any) -> None:
    assert repeated({"result": True, "data": data}) == {"result": True, "data": told}
    assert repeated({"result": True})["data"] == {"replayed": True}


def test_texts_are_kept_to_be_translated_for_whoever_repeats_the_call() -> None:
    told = Message("{first};{second}", {"first": Message("one"), "second": [Message("two {n}", {"n": 2})]})
    odd = {"$message": ["no", "text"], "other": told}
    answer = repeated({"message": told, "data": {"odd": odd, "both": (told, 1)}})
    assert answer["message"] == told
    assert answer["data"] == {"odd": odd, "both": [told, 1], "replayed": True}


def test_what_json_cannot_hold_cannot_be_kept() -> None:
    with pytest.raises((TypeError, ValueError)):
        replay.encoded({"data": object()})
