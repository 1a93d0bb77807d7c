"""Hostile values: texts, bytes, JSON, and bodies that are packed or damaged. The same for the same `random.Random`."""

import gzip
import json
import random
import zlib
from typing import Any

BYTES = (
    *(b"", b" ", b"\t", b"\x00", b"\x1b[2J", b"\r", b"\n", b"\r\n", b"\x7f", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3"),
    *(b"%", b"%00", b"%ff", b"%2F", b"%2e%2e/", b"../", b"//", b"\\", b";", b",", b"=", b"&", b"&&=&", b"?", b"#"),
    *(b'"', b"'", b"{", b"}", b"[", b"]", b"${x}", b"{0.__class__}", b"%s%n", b"<script>", b"*", b"@all", b"|", b"_"),
    *("张三".encode(), "é".encode("latin-1"), "\U0001f600".encode(), "\u202e".encode(), b"fe80::1%\xff", b"[::1]:80"),
    *(b"9" * 400, b"-1", b"0x10", b"1e999", b"NaN", b"null", b"true", b"a" * 300, b'{"a":' * 300, b"\\ud800"),
)
TEXTS = (
    *("", " ", "a", "0", "张三", "\x00", "\x1b[2J", "a\r\nX-Forged: 1", "\ud800", "\U0001f600" * 9, "é", "\u2028"),
    *("@all", "admin", "zhangsan,lisi", "a|b", "a;b\n", "a" * 3000, "{a}", "${HOME}", "%s", "<b>x</b>", "=" * 99),
    *("MTIz", "====", "data:text/plain;base64,AA", "../../x", "1/delete", "?a=1", "true", "1306429", "9" * 30),
    *("http://169.254.169.254/", "text", "markdown", "user@example.com", "a@b@c", "+8613800000000", "2020-01-01 00:00"),
)


def piece(rng: random.Random) -> bytes:
    """Return bytes that some parser may stumble over."""
    return rng.choice(BYTES) if rng.random() < 0.8 else rng.randbytes(rng.randrange(1, 40))


def line(rng: random.Random) -> bytes:
    """Return bytes for a line of a head: such as may stand there, for the most part."""
    if rng.random() < 0.15:
        return piece(rng)
    return bytes(byte for byte in piece(rng) if byte == 9 or 32 <= byte < 127 or byte > 127)


def value(rng: random.Random, depth: int = 0) -> Any:
    """Return any JSON value; texts may hold lone surrogates, which JSON escapes."""
    kind = rng.randrange(12 if depth < 4 else 7)
    if kind < 4:
        return rng.choice(TEXTS)
    if kind < 7:
        return rng.choice([None, True, False, 0, -1, 1.5, 2**63, 2**64, -(2**70), 10**300, 1e-320])
    if kind < 9:
        return [value(rng, depth + 1) for _ in range(rng.randrange(5))]
    if kind < 11:
        return {rng.choice(TEXTS): value(rng, depth + 1) for _ in range(rng.randrange(5))}
    return _nested(rng)


def _nested(rng: random.Random) -> Any:
    inner: Any = 1
    for _ in range(rng.choice([10, 90, 110, 200])):
        inner = [inner] if rng.random() < 0.5 else {"a": inner}
    return inner


def changed(rng: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    """Return this JSON object with some values replaced, dropped, repeated in other forms or moved deeper."""
    found = dict(document)
    for name in list(found):
        chance = rng.random()
        if chance < 0.12:
            found[name] = value(rng)
        elif chance < 0.17:
            del found[name]
        elif chance < 0.2:
            found[name.upper()] = found[name]
        elif chance < 0.23:
            found[name] = [found[name]]
        elif isinstance(found[name], dict):
            found[name] = changed(rng, found[name])
    if rng.random() < 0.2:
        found[rng.choice(TEXTS)] = value(rng)
    return found


def as_json(rng: random.Random, document: Any) -> bytes:
    """Return JSON of this, in one of the forms that clients write; sometimes what only looks like JSON."""
    text = json.dumps(document, ensure_ascii=True, indent=rng.choice([None, None, None, 2]))
    raw = text.encode()
    chance = rng.random()
    if chance < 0.03:
        return b"\xef\xbb\xbf" + raw
    if chance < 0.05:
        return text.encode(rng.choice(["utf-16", "utf-32-le"]))
    if chance < 0.06:
        return b'{"a":' * rng.choice([99, 101, 1020, 30_000]) + raw
    if chance < 0.07:
        return b'{"a":[' + b'{"":0},' * rng.choice([10, 70_000]) + b"0]}"
    return raw


def damaged(rng: random.Random, raw: bytes) -> bytes:
    """Return these bytes with a few of them flipped, dropped, doubled, cut off, or others put between."""
    data = bytearray(raw)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at:at] = piece(rng)
            case 2:
                del data[at : at + rng.randrange(1, 20)]
            case 3:
                data[at:at] = data[at : at + rng.randrange(1, 200)]
            case 4 if rng.random() < 0.3:
                del data[at:]
            case _:
                data[at : at + 1] = piece(rng)
    return bytes(data)


def packed(rng: random.Random, raw: bytes) -> tuple[bytes, bytes]:
    """Return these bytes compressed, sometimes broken or not at all, and the Content-Encoding."""
    name = rng.choice([b"gzip", b"x-gzip", b"deflate", b"GZIP", b"br", b"zstd", b"identity", b"gzip, gzip", piece(rng)])
    match rng.randrange(8):
        case 0:
            return raw, name
        case 1:
            data = zlib.compress(raw)
        case 2:
            data = zlib.compress(raw, wbits=-15)
        case 3:
            data = gzip.compress(b"", mtime=0) * rng.choice([3, 999, 1001]) + gzip.compress(raw, mtime=0)
        case 4:
            data = gzip.compress(bytes(rng.choice([10**5, 3 * 10**6])), mtime=0)
        case _:
            data = gzip.compress(raw, mtime=0)
    return (damaged(rng, data) if rng.random() < 0.4 else data), name
