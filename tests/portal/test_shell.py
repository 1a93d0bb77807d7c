"""Requests as lines for the shell: whatever is in them is a word, and secrets are variables."""

import json
import subprocess

import pytest

from esb.portal.loopback import GatewayRequest
from esb.portal.shell import curl, variable, word

HOSTILE = ("$(id)", "`id`", "a'b", 'a"b', "a\\b", "a\nb", "; id", "$ESB_APP_SECRET", "微信", "", "{}", "!x")
WORDS = 'curl() { for each in "$@"; do printf \'%s\\0\' "$each"; done; }\n'
"""A curl that tells its words."""


def told(line: str) -> list[str]:
    """Return the words that a shell makes of a line."""
    environment = {"ESB_APP_SECRET": "a 'secret' $x", "ESB_BK_TOKEN": "t"}
    done = subprocess.run(["sh", "-c", WORDS + line], env=environment, capture_output=True, check=True)  # noqa: S607
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_one_word_whatever_is_in_it(text: str) -> None:
    assert told(f"curl {word(text)}") == [text]


def test_a_secret_is_filled_in_by_the_shell() -> None:
    name = "X-Bkapi-Authorization"
    caller = {"bk_app_code": "a'b", "bk_app_secret": variable("esb_app_secret")}
    url = f"http://127.0.0.1:1/{variable('esb-bk.token')}/"
    request = GatewayRequest(
        "POST", url, {name: json.dumps(caller)}, json.dumps({"a": variable("ESB_BK_TOKEN")}).encode()
    )
    line = curl(request)
    assert "secret' $x" not in line
    method, verb, address, flag, header, data, body = told(line)
    assert (method, verb, flag, data) == ("-X", "POST", "-H", "-d")
    assert address == "http://127.0.0.1:1/t/"
    assert header == """X-Bkapi-Authorization: {"bk_app_code": "a'b", "bk_app_secret": "a 'secret' $x"}"""
    assert body == '{"a": "t"}'


@pytest.mark.parametrize(
    ("method", "begins"), [("GET", "curl http"), ("HEAD", "curl --head http"), ("PUT", "curl -X PUT")]
)
def test_the_method_is_said_where_curl_would_take_another(method: str, begins: str) -> None:
    assert curl(GatewayRequest(method, "http://127.0.0.1/")).startswith(begins)
