"""Requests that no decent client sends, from valid ones: the same for the same `random.Random`."""

import random
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from esb.incoming import request_headers as incoming
from esb.server.connection import LONGEST_HEADER
from tests.project.fuzz.values import TEXTS, as_json, changed, damaged, line, packed, piece, value

ROOT = "/api/c/compapi"
APP = {"bk_app_code": "app", "bk_app_secret": "app-secret", "bk_username": "admin"}
NOTICE = {"heading": "H", "message": "M", "date": "D"}
CALLS: dict[str, dict[str, Any]] = {
    f"{ROOT}/cmsi/send_weixin/": {**APP, "receiver": "zhangsan,lisi", "data": NOTICE},
    f"{ROOT}/v2/cmsi/send_weixin/": {**APP, "receiver__username": "admin", "data": NOTICE},
    f"{ROOT}/cmsi/send_mp_weixin/": {**APP, "receiver": "o" + 27 * "A", "data": NOTICE},
    f"{ROOT}/cmsi/send_mail/": {**APP, "receiver": "a@example.com", "title": "T", "content": "C", "attachments": []},
    f"{ROOT}/cmsi/send_sms/": {**APP, "receiver": "13800000000", "content": "C"},
    f"{ROOT}/cmsi/send_voice_msg/": {**APP, "auto_read_message": "M", "user_list_information": [{"username": "admin"}]},
    f"{ROOT}/cmsi/send_msg/": {
        **APP,
        "msg_type": "weixin",
        "receiver__username": "admin",
        "title": "T",
        "content": "C",
    },
    f"{ROOT}/cmsi/get_msg_type/": APP,
    f"{ROOT}/chat/robot/": {**APP, "content": "C", "mentioned_list": ["@all"]},
    f"{ROOT}/other/envelope/": {**APP, "a": 1, "b": ["x", {"c": None}]},
    f"{ROOT}/other/form/": {**APP, "a": 1, "b": ["x", {"c": None}]},
    f"{ROOT}/other/wrap/7/": {**APP, "a": 1},
    f"{ROOT}/other/raw/x/": {**APP, "a": 1},
    f"{ROOT}/other/nothing/": APP,
    "/api/c/self-service-api/x/": APP,
    "/": {},
}
HEADERS = (
    *(str(name) for name in incoming.FORWARDED_HEADERS),
    *("X-Bkapi-Request-Id", "X-Bkapi-Authorization", "X-Bkapi-JWT", "Cookie", "Content-Type", "Content-Encoding"),
    *("X-Use-Test-Env", "X-Dry-Run", "Idempotency-Key", "X-Forwarded-For", "Forwarded", "X-Request-Uri", "Expect"),
    *("Connection", "Upgrade", "Accept", "Accept-Encoding", "Prefer"),
    *(
        "Origin",
        "Sec-Fetch-Site",
        "Authorization",
        "Range",
        "Bk_Username",
        "Bk-App-Code",
        "Keep-Alive",
        "TE",
        "Trailer",
    ),
) * 4 + ("Transfer-Encoding", "Content-Length", "Host")
"""Those that decide where a request ends are seldom drawn: most requests should come further than the parser."""
METHODS = (b"POST",) * 30 + (b"GET",) * 12 + (b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"CONNECT", b"TRACE")
VERSIONS = (b"HTTP/1.1",) * 100 + (b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.1 ", b"ICY", b"HTTP/9.9")


@dataclass(frozen=True, slots=True)
class Hostile:
    """What one connection sends. `whole`: it holds one request in proper frames, so that it must be answered."""

    raw: bytes
    whole: bool
    cuts: tuple[int, ...] = ()
    """Where the bytes are cut into pieces that are written one after the other."""
    ends: bool = True
    """False: the client's side stays open until the answer has come."""
    leaves: bool = False
    """True: the client resets the connection instead of reading."""


def hostile(rng: random.Random) -> Hostile:
    """Return what the next connection sends."""
    raw, whole = _request(rng)
    if rng.random() < 0.05:
        raw, whole = raw + b"".join(_request(rng)[0] for _ in range(rng.randrange(1, 5))), False
    chance = rng.random()
    if chance < 0.15:
        raw, whole = damaged(rng, raw), False
    elif chance < 0.17:
        raw, whole = b"".join(piece(rng) for _ in range(rng.randrange(1, 60))), False
    elif chance < 0.2:
        raw, whole = raw[: rng.randrange(len(raw))], False
    cuts = sorted(rng.randrange(len(raw) + 1) for _ in range(rng.choice([0, 0, 0, 1, 3, 20])))
    ends = not whole or (rng.random() < 0.5 and b"/raw/" not in raw)  # a stream is not for those who end their side
    return Hostile(raw, whole, tuple(cuts), ends, leaves=rng.random() < 0.03)


def _request(rng: random.Random) -> tuple[bytes, bool]:
    """Return a request that is valid but for one or two things, and True if its frames are proper."""
    path = rng.choice(list(CALLS))
    parameters = CALLS[path] if rng.random() < 0.3 else changed(rng, CALLS[path])
    method = rng.choice(METHODS)
    headers: list[tuple[bytes, bytes]] = [(b"Host", b"gateway")]
    target, body = quote(path), b""
    if method in {b"GET", b"HEAD", b"DELETE"}:
        target += "?" + _pairs(rng, parameters)
    else:
        body, content_type = _body(rng, parameters)
        headers.append((b"Content-Type", content_type))
    raw_target = target.encode()
    if rng.random() < 0.12:
        raw_target = _target(rng, raw_target)
    if rng.random() < 0.1:
        headers.append((b"X-Bkapi-Authorization", as_json(rng, changed(rng, dict(APP))).replace(b"\n", b" ")))
    if rng.random() < 0.1 and body:
        body, encoding = packed(rng, body)
        headers.append((b"Content-Encoding", encoding))
    for _ in range(rng.choice([0, 0, 1, 1, 2, 5])):
        headers.append((rng.choice(HEADERS).encode(), line(rng) if rng.random() < 0.8 else line(rng) * 30))
    framed, body, proper = _framed(rng, body)
    lines = [name + b": " + text for name, text in headers + framed]
    version = rng.choice(VERSIONS)
    whole = proper and method in {b"POST", b"GET"} and version == b"HTTP/1.1" and _is_proper(raw_target, headers)
    return b"\r\n".join([b" ".join([method, raw_target, version]), *lines, b"", body]), whole


def _is_proper(target: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
    """Return True if no parser can take the head for another one, or for none: then it may be closed before its end."""
    frames = {b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Expect"}
    names = [name for name, _ in headers]
    texts = [target, *(text for _, text in headers)]
    if not target.startswith(b"/") or max(map(len, texts)) > LONGEST_HEADER - 30:  # with the name and the method
        return False
    is_single = len(set(names)) == len(names)  # aiohttp refuses some that come twice
    return is_single and frames.isdisjoint(names[1:]) and all(32 <= byte < 127 for byte in b"".join(texts))


def _framed(rng: random.Random, body: bytes) -> tuple[list[tuple[bytes, bytes]], bytes, bool]:
    """Return the headers that frame this body, the body in its frame, and True if all is as it should be."""
    chance = rng.random()
    if chance < 0.8:
        return ([(b"Content-Length", b"%d" % len(body))] if body else []), body, True
    if chance < 0.88:
        cut = rng.randrange(len(body) + 1)
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (body[:cut], body[cut:]) if each)
        return [(b"Transfer-Encoding", b"chunked")], chunks + b"0\r\n\r\n", True
    if chance < 0.92:
        chunks = damaged(rng, b"%x;ext=1\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(body), body))
        return [(b"Transfer-Encoding", b"chunked")], chunks, False
    length = rng.choice([len(body) + 5, max(0, len(body) - 5), -1, 10**30, 11 * 2**20])
    more = [(b"Transfer-Encoding", b"chunked")] if chance > 0.97 else []
    return [(b"Content-Length", b"%d" % length), *more], body, False


def _target(rng: random.Random, target: bytes) -> bytes:
    match rng.randrange(6):
        case 0:
            return damaged(rng, target)
        case 1:
            return b"http://gateway" + target
        case 2:
            return rng.choice(
                [b"*", b"", b"gateway:80", b"//x/y", b"?", b"/%", b"/%2e%2e" + target, b"http://[::1" + target]
            )
        case 3:
            return target + b"?" + b"&".join(piece(rng) + b"=" + piece(rng) for _ in range(rng.choice([1, 9, 1001])))
        case 4:
            return target.replace(b"/", rng.choice([b"//", b"%2F", b"/./", b"\\"]))
        case _:
            return target + b"a" * rng.choice([100, 8000, 9000])


def _pairs(rng: random.Random, parameters: dict[str, Any]) -> str:
    pairs = [(name, text if isinstance(text, str) else str(text)) for name, text in parameters.items()]
    if rng.random() < 0.1 and pairs:
        pairs.append(rng.choice(pairs))
    return urlencode(pairs, errors="surrogatepass")


def _body(rng: random.Random, parameters: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return these parameters as a body, and its Content-Type."""
    chance = rng.random()
    if chance < 0.7:
        document: Any = parameters if rng.random() < 0.95 else value(rng)
        raw = as_json(rng, document)
        return (damaged(rng, raw) if rng.random() < 0.15 else raw), b"application/json"
    if chance < 0.85:
        form = _pairs(rng, parameters).encode()
        return (damaged(rng, form) if rng.random() < 0.3 else form), b"application/x-www-form-urlencoded"
    boundary = rng.choice([b"x", b"", b'"', b"-" * 80, piece(rng)])
    parts = []
    for name, text in parameters.items():
        head = b'Content-Disposition: form-data; name="%b"' % quote(name, errors="replace").encode()
        if rng.random() < 0.3:
            head += b"\r\nContent-Type: text/plain; charset=" + rng.choice([b"utf-8", b"gbk", b"punycode", piece(rng)])
        if rng.random() < 0.1:
            head += b'; filename="' + rng.choice(TEXTS).encode(errors="replace") + b'"'
        parts.append(b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary, head, str(text).encode(errors="replace")))
    raw = b"".join(parts) + b"--%b--\r\n" % boundary
    return (damaged(rng, raw) if rng.random() < 0.3 else raw), b"multipart/form-data; boundary=" + boundary
