"""The answer's data as documents show it: what there is always, and what only sometimes."""

from typing import Any

import pytest
from pydantic import BaseModel

from esb.channels.answer_schema import Delivered, Previewed


@pytest.mark.parametrize(
    ("model", "always"),
    [(Delivered, {"accepted", "failed", "unknown", "msgids"}), (Previewed, {"dry_run", "messages"})],
)
def test_what_is_not_in_every_answer_is_not_required(model: type[BaseModel], always: set[str]) -> None:
    schema: dict[str, Any] = model.model_json_schema()
    assert set(schema["required"]) == always
    optional = {name: schema["properties"][name]["default"] for name in schema["properties"].keys() - always}
    assert optional == {"username_check": None, "warnings": []} | (
        {"held": [], "delivery": None} if model is Delivered else {}
    )


def test_every_field_of_an_answer_is_described() -> None:
    for model in (Delivered, Previewed):
        for described in [schema := model.model_json_schema(), *schema["$defs"].values()]:
            assert set(described["required"]) <= set(described["properties"])
            assert all("description" in field for field in described["properties"].values())


def test_whom_a_message_missed_has_no_time_to_wait_and_no_parts_unless_they_are_told() -> None:
    schema: dict[str, Any] = Delivered.model_json_schema()["$defs"]["Missed"]
    optional = {name: field["default"] for name, field in schema["properties"].items() if "default" in field}
    assert optional == {"class": "", "retry_after": 0, "pages_accepted": 0, "pages": 0}
