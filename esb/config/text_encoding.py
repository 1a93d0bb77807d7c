"""Encodings of texts that are no UTF-8: named, with the command that changes them."""

import re
import shlex
from codecs import BOM_UTF16_BE, BOM_UTF16_LE

_CHINESE = re.compile(r"[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef\u2010-\u2026\u00b7]+")
"""Chinese characters, and the punctuation between them."""


def not_utf8(content: bytes, name: str) -> str:
    """Return what to say of a file's content that is no UTF-8 text; `name` is the file's, for the command."""
    encoding = _encoding(content)
    if not encoding:
        return "not UTF-8 text"
    command = f"iconv -f {encoding} -t UTF-8 {shlex.quote(name)} > {shlex.quote(f'{name}.utf8')}"
    return f"not UTF-8 text, but {encoding}; `{command}` makes it UTF-8"


def _encoding(content: bytes) -> str:
    """Return the encoding that this text probably has, as iconv names it; "" for one that nothing tells."""
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "UTF-16"
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    foreign = "".join(character for character in text if not character.isascii())
    return "GBK" if _CHINESE.fullmatch(foreign) else ""
