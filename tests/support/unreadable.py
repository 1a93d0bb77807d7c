"""What is no HTTP, with a word in it that no answer repeats; and the status of the answer."""

from tests.support.wire import request

SECRET = b"hunter2"
PATH = b"/api/c/compapi/test/echo/"
CHUNKED = request(b"POST", PATH, headers=(b"Transfer-Encoding: chunked",))
BROKEN = b"5\r\n{" + SECRET[:4] + b"\r\nzz" + SECRET + b"\r\n"
UNREADABLE = {
    "raw utf-8 in the address": (400, "GET /中文/hunter2 HTTP/1.1\r\nHost: a\r\n\r\n".encode()),
    "no request line": (400, b"hunter2 hunter2\r\n\r\n"),
    "a version to come": (400, b"GET /hunter2 HTTP/3.0\r\nHost: a\r\n\r\n"),
    "an unknown method": (400, b"HUNTER2 / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hunter2"),
    "no host": (400, b"GET /hunter2 HTTP/1.1\r\n\r\n"),
    "a header without a colon": (400, request(b"GET", PATH, headers=(b"Cookie hunter2",))),
    "a control byte in a header": (400, request(b"GET", PATH, headers=(b"Cookie: hunter2\x01",))),
    "a null byte in a header": (400, request(b"GET", PATH, headers=(b"Cookie: hunter2\x00",))),
    "a name that is no name": (400, request(b"GET", PATH, headers=(b"Coo\xffkie: hunter2",))),
    "a folded header": (400, request(b"GET", PATH, headers=(b"Cookie: a", b" hunter2"))),
    "a negative length": (400, request(b"POST", PATH, headers=(b"Content-Length: -1",))),
    "two lengths": (400, request(b"POST", PATH, headers=(b"Content-Length: 1", b"Content-Length: 2"))),
    "a length of chunks": (400, request(b"POST", PATH, b"1", (b"Transfer-Encoding: chunked",))),
    "a broken chunk": (400, CHUNKED + BROKEN),
    "a long address": (414, request(b"GET", b"/" + SECRET * 1300)),
    "a long cookie": (431, request(b"GET", PATH, headers=(b"Cookie: " + SECRET * 1300,))),
    "a long name": (431, request(b"GET", PATH, headers=(SECRET * 1300 + b": 1",))),
    "many headers": (431, request(b"GET", PATH, headers=(b"Cookie: hunter2",) * 200)),
}
