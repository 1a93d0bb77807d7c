"""The secrets of a config, wherever they stand, and their parts that others may repeat."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretBytes, SecretStr

from esb import ConfigModel, SecretUrl
from esb.channels.config_secrets import secrets_of, without_secrets


class Robot(ConfigModel):
    key: SecretStr
    name: str = "a name"


class Config(ConfigModel):
    webhook: SecretUrl = SecretStr("https://user:a-password@hooks.example/services/T0000000000000000?key=query-key")
    raw: SecretBytes = SecretBytes(b"raw-secret")
    robots: tuple[Robot, ...] = (Robot(key=SecretStr("first-key")), Robot(key=SecretStr("second-key")))
    by_name: Mapping[str, Robot] = {"a": Robot(key=SecretStr("third-key"))}
    none: SecretStr | None = None
    empty: SecretStr = SecretStr("")


@pytest.mark.parametrize(
    "secret",
    ["raw-secret", "first-key", "second-key", "third-key", "a-password", "query-key", "T0000000000000000"],
)
def test_each_secret_is_found_and_taken_out(secret: str) -> None:
    found = secrets_of(Config())
    assert secret in found
    assert without_secrets({"a": [f"it is {secret}", 1]}, found) == {"a": ["it is ***", 1]}


def test_what_is_no_secret_stays() -> None:
    found = secrets_of(Config())
    assert "" not in found
    assert without_secrets({"name": "a name", "n": 1, "none": None}, found) == {"name": "a name", "n": 1, "none": None}


def test_json_may_be_as_deep_as_it_is_read() -> None:
    deep: Any = "it is first-key"
    for _ in range(2000):
        deep = [deep]
    found = without_secrets(deep, ("first-key",))
    for _ in range(2000):
        (found,) = found
    assert found == "it is ***"
