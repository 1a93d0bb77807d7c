"""Texts for people, kept as JSON: who reads them later may ask for another language."""

from typing import Any

import pytest

from esb.core import json_codec
from esb.core.messages import Message
from esb.core.plain_messages import MESSAGE, from_plain, plain

REFUSAL = Message("The user {name} is not there", {"name": "lisi"})
NESTED = Message("{errmsg} and {others}", {"errmsg": REFUSAL, "others": ["a", REFUSAL]})


@pytest.mark.parametrize(
    "value",
    [
        REFUSAL,
        NESTED,
        "text",
        None,
        {"failed": [{"receiver": "lisi", "errmsg": REFUSAL}], "accepted": []},
        {MESSAGE: ["a caller's own", {}]},
        {"data": {MESSAGE: None, "errmsg": REFUSAL}},
    ],
)
def test_whatever_is_kept_comes_back_as_it_was(value: Any) -> None:
    kept = from_plain(json_codec.decode(json_codec.encode(plain(value))))
    assert kept == value
    assert type(kept) is type(value)


def test_a_text_that_came_back_can_still_be_translated() -> None:
    kept = from_plain(json_codec.decode(json_codec.encode(plain({"errmsg": NESTED}))))
    assert kept["errmsg"].values["errmsg"].template == "The user {name} is not there"
    assert str(kept["errmsg"]) == str(NESTED)
