"""Bodies of requests that cost as much as a body of their size can: for every parser, codec and nesting."""

import gzip
import zlib
from collections.abc import Callable

import pytest

from esb.core.character_sets import CHARACTER_SETS

SIZE = 10_000_000
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
Body = Callable[[int], bytes]


def filled(before: bytes, unit: bytes, after: bytes) -> Body:
    """Return a function that makes bodies of a size, mostly of this unit."""
    return lambda size: before + unit * ((size - len(before) - len(after)) // len(unit)) + after


def text(unit: bytes) -> Body:
    return filled(b'{"a":"' + b"," * 200_001, unit, b'"}')


def part(unit: bytes, *headers: bytes) -> Body:
    head = b"\r\n".join([b"--x", b'Content-Disposition: form-data; name="a"', *headers])
    return filled(head + b"\r\n\r\n", unit, b"\r\n--x--\r\n")


def nested(opening: bytes, closing: bytes, levels: int) -> Body:
    return lambda size: b'{"a":' + opening * levels + b" " * (size - 7 * levels) + b"0" + closing * levels + b"}"


JSON: dict[str, Body] = {
    "objects": filled(b'{"a":[', b'{"":0},', b"0]}"),
    "empty objects": filled(b'{"a":[', b"{},", b"0]}"),
    "numbers": filled(b'{"a":[', b"0,", b"0]}"),
    "names": filled(b"{", b'"":0,', b'"":0}'),
    "short texts": filled(b'{"a":[', b'"",', b"0]}"),
    "opened": filled(b'{"a":', b"[", b""),
    "nested": nested(b"[", b"]", 90),
    "nested too deep": nested(b"[", b"]", 1020),
    "nested without end": nested(b'{"a":', b"}", 600_000),
    "quotes": filled(b"{", b'"', b""),
    "digits": filled(b'{"a":', b"7", b"}"),
    "a fraction": filled(b'{"a":0.', b"7", b"}"),
    "white space": filled(b"", b" ", b"{}"),
    "as many values as may be": lambda size: b'{"a":[' + b'"",' * 199_990 + b'"' + b"," * (size - 600_000) + b'"]}',
    "a text of commas": text(b","),
    "a text of brackets": text(b"[]"),
    "a text of quotes": text(b'\\"'),
    "a text of backslashes": text(b"\\\\"),
    "a text of escapes": text(b"\\u4e2d"),
    "a text of digits": text(b"1234567890"),
    "texts of digits": lambda size: filled(b'{"a":[', b'"%s",' % (b"1" * (size // 90_000)), b"0]}")(size),
    "long numbers": lambda size: filled(b'{"a":[', b"%s," % (b"1" * (size // 90_000)), b"0]}")(size),
    "long fractions": lambda size: filled(b'{"a":[', b"0.%s," % (b"1" * (size // 90_000)), b"0]}")(size),
    "lone surrogates": text(b"\\ud800"),
    "no UTF-8": text(b"\xff"),
}
FORMS: dict[str, Body] = {
    "fields": filled(b"", b"a=1&", b""),
    "separators": filled(b"", b"&", b""),
    "signs": filled(b"", b"=", b""),
    "blanks": filled(b"a=", b"+", b""),
    "escapes": filled(b"a=", b"%41", b""),
    "escapes of bytes": filled(b"a=", b"%E4%B8%AD", b""),
    "escapes here and there": filled(b"a=", b"a%41", b""),
    "percent signs": filled(b"a=", b"%", b""),
    "equals signs and escapes": filled(b"a=" + b"%41" * 2000, b"=", b""),
    "broken escapes": filled(b"a=", b"%4", b""),
    "no UTF-8": filled(b"a=", b"%FF", b""),
}
PARTS: dict[str, Body] = {
    "parts": filled(b"", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n', b"--x--\r\n"),
    "one part": part(b"a"),
    "lines": part(b"\r\n"),
    "nearly boundaries": part(b"\r\n--"),
    "boundaries": part(b"\r\n--xa"),
    "a file": filled(b'--x\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n', b"a", b"\r\n--x--\r\n"),
    "no part": filled(b"", b"\r\n", b""),
    "a header without end": filled(b"--x\r\n", b"a", b""),
    **{
        f"{name} of {unit!r}": part(unit, b"Content-Type: text/plain; charset=" + name.encode())
        for name in (*CHARACTER_SETS, "punycode", "idna", "utf-7")
        for unit in (b"a", b"\x81\x30\x81\x30", b"\xc3\xa9")
    },
}
WIDE: dict[str, tuple[Body, str]] = {
    "JSON": (filled('{"a":"\U0001f600'.encode(), b"a", b'"}'), ""),
    "form": (filled("a=\U0001f600".encode(), b"a", b""), FORM),
    "multipart": (part(b"a", b"", "\U0001f600".encode()), MULTIPART),
}
PACKED: dict[str, tuple[Body, str]] = {
    "empty members": (filled(b"", gzip.compress(b"", mtime=0), b""), "gzip"),
    "empty blocks": (filled(b"\x78\x9c", b"\x00\x00\x00\xff\xff", b"\x03\x00\x00\x00\x00\x01"), "deflate"),
    "zeros": (lambda _: zlib.compress(bytes(10 * SIZE)), "deflate"),
    "more behind it": (filled(zlib.compress(b"{}"), b"a", b""), "deflate"),
    "no gzip": (filled(b"", b"a", b""), "gzip"),
}
CASES = [
    pytest.param(make, content_type, id=f"{kind}, {name}")
    for kind, content_type, bodies in (("JSON", "", JSON), ("form", FORM, FORMS), ("multipart", MULTIPART, PARTS))
    for name, make in bodies.items()
]
