import pytest

from esb.channels.base64_param import decoded_bytes, plain_text
from esb.core.errors import ParameterError
from esb.core.params import Label

LABEL = Label("message content", "content")


def test_white_space_inside_is_allowed() -> None:
    assert decoded_bytes("aGVs\r\nbG8=\n") == b"hello"


@pytest.mark.parametrize("text", ["aGVsbG8", "***", "aGVs-G8=", "aGVsbG8==x"])
def test_what_is_no_base64_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decoded_bytes(text)


def test_text_is_taken_as_it_is_unless_it_is_base64() -> None:
    assert plain_text("aGVsbG8=", False, LABEL) == "aGVsbG8="
    assert plain_text("5L2g5aW9", True, LABEL) == "你好"


@pytest.mark.parametrize("text", ["***", "/w==", "AA==", "IA=="], ids=["no base64", "no UTF-8", "null", "blank"])
def test_base64_of_no_text_is_refused(text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        plain_text(text, True, LABEL)
    assert str(caught.value) == "message content [content] Must be base64 of UTF-8 text, as is_content_base64 says"
