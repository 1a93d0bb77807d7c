"""An attachment as callers describe it."""

import pytest

from esb.channels.mail.attachment import AttachmentParams


@pytest.mark.parametrize(
    ("name", "disposition", "inline"),
    [
        ("a.png", "", True),
        ("a.pdf", "", False),
        ("a.png", "attachment", False),
        ("a.pdf", "inline", True),
    ],
)
def test_pictures_are_shown_in_the_text_unless_the_caller_says_otherwise(
    name: str, disposition: str, inline: bool
) -> None:
    described = {"filename": name, "content": "AAAA", "disposition": disposition}
    assert AttachmentParams.model_validate(described).attachment().inline is inline
