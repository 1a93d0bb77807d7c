"""Values in a path: texts that every server reads as one segment of it, or as several, and as nothing else."""

import re

LONGEST = 8192
"""Characters of a value. No server reads a longer address, and each takes up to twelve bytes in one."""
_UNSOUND = re.compile(
    r"[\x00-\x1f\x7f\\?#;\ud800-\udfff]"  # lone surrogates are bytes that are no UTF-8
    r"|%(?:[01][0-9A-Fa-f]|2[35EeFf]|3[BbFf]|5[Cc]|7[Ff]|[89A-Fa-f][0-9A-Fa-f]|[uU])"  # the same for who decodes twice
)


def is_sound(text: str, *, slashes: bool) -> bool:
    """Return True if this text can be the value of a variable. `slashes`: it may be several segments.

    It has at most LONGEST characters. No segment is empty or of dots and blanks only: servers leave those out, or
    climb. No character, percent-encoded or not, ends a path or parts it for one server and not for another.
    """
    if len(text) > LONGEST:
        return False
    if _UNSOUND.search(text) is not None or ("/" in text and not slashes):
        return False
    return all(segment.strip(" .") for segment in text.split("/"))
