"""Parameters that hold base64: what they stand for. White space inside is allowed, as MIME writes it."""

import base64

from esb.core.errors import Message, ParameterError
from esb.core.params import Label


def decoded_bytes(text: str) -> bytes:
    """Return the bytes that this base64 stands for; ValueError if it is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return base64.b64decode("".join(text.split()), validate=True)  # binascii.Error is a ValueError


def decoded_text(text: str) -> str:
    """Return the UTF-8 text that this base64 stands for, without outer white space; ValueError if there is none."""
    decoded = decoded_bytes(text).decode().strip()
    if not decoded or "\x00" in decoded:
        raise ValueError("no text")
    return decoded


def plain_text(content: str, is_base64: bool, label: Label) -> str:
    """Return a parameter as text. One that should be base64 and is not, is refused: nobody could read what it says."""
    if not is_base64:
        return content
    try:
        return decoded_text(content)
    except ValueError:
        wrong = Message("Must be base64 of UTF-8 text, as is_content_base64 says")
        raise ParameterError(
            "{label} [{name}] {problem}", label=Message(label.text), name=label.name, problem=wrong
        ) from None
