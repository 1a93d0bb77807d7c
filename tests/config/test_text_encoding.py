"""Encodings of texts that are no UTF-8."""

import pytest

from esb.config.text_encoding import not_utf8


@pytest.mark.parametrize(
    ("text", "encoding", "told"),
    [
        ("# 网关，配置：“中文”…\n", "gbk", "GBK"),
        ("# 网关\n", "gb18030", "GBK"),
        ("# 网关\n", "utf-16", "UTF-16"),
        ("version: 1\n", "utf-16", "UTF-16"),
    ],
)
def test_an_encoding_is_told_with_the_command_that_changes_it(text: str, encoding: str, told: str) -> None:
    said = not_utf8(text.encode(encoding), "esb.yaml")
    assert said == f"not UTF-8 text, but {told}; `iconv -f {told} -t UTF-8 esb.yaml > esb.yaml.utf8` makes it UTF-8"


def test_the_command_takes_any_name_of_a_file_for_one_word() -> None:
    said = not_utf8("网".encode("gbk"), "my $(esb).yaml")
    assert "-t UTF-8 'my $(esb).yaml' > 'my $(esb).yaml.utf8'`" in said


@pytest.mark.parametrize("content", ["café".encode("latin-1"), b"\xff\xff", b"\x80", "приветы".encode("cp1251")])
def test_of_others_nothing_is_supposed(content: bytes) -> None:
    assert not_utf8(content, "esb.yaml") == "not UTF-8 text"
