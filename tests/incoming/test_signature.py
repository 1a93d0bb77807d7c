"""The text that is signed, and the form of a signature; as pure functions."""

import threading

import pytest

from esb.core.call import Signed
from esb.core.errors import AuthenticationError, RequestError
from esb.incoming import signature
from esb.incoming.body import AT_ONCE
from esb.incoming.signature import check_unambiguous, nonce, offered, sign, string_to_sign, timestamp, verified, verify
from tests.support.identity import signature_of


def signed(method: str, path: str, query: dict[str, str], body: bytes = b"", name: str = "bk_signature") -> Signed:
    """A request that a client signed with demo-secret."""
    made = signature_of(method, path, query, body if body or method == "POST" else None)
    return Signed(method, path, {**query, name: made}, body)


def test_the_signature_that_the_old_esb_tests_itself_with_verifies() -> None:
    # The example that the BlueKing ESB tests itself with.
    query = {"abc": "xyz", "bk_nonce": "12345", "bk_timestamp": "1936162716"}
    request = Signed("GET", "/echo/", {**query, "bk_signature": "8lzxAJAoNX4D3O1QXfDpH+TzD20="}, b"")
    assert verify(request, [b"valid-secret"])
    assert verify(request, [b"invalid-secret", b"valid-secret"])
    assert not verify(request, [b"invalid-secret"])


@pytest.mark.parametrize("secrets", [[], [b""], [b"next-secret"]])
def test_nothing_verifies_without_its_secret(secrets: list[bytes]) -> None:
    assert not verify(signed("GET", "/a/", {"b": "1"}), secrets)


def test_what_is_signed_with_an_empty_secret_does_not_verify() -> None:
    query = {"b": "1", "bk_signature": signature_of("GET", "/a/", {"b": "1"}, secret="")}
    assert not verify(Signed("GET", "/a/", query, b""), [b""])


def test_parameters_are_signed_by_name_and_not_encoded() -> None:
    text = string_to_sign("GET", "/a/", {"z": "1 2", "b": "é&=", "a": "", "bk_signature": "x"}, b"")
    assert text == "GET/a/?a=&b=é&=&z=1 2".encode()


def test_the_raw_body_is_signed_as_data() -> None:
    text = string_to_sign("POST", "/a/", {"bk_nonce": "1", "e": "2", "data": "of the query"}, b"\xff\x00{}")
    assert text == b"POST/a/?bk_nonce=1&data=\xff\x00{}&e=2"


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [
        ("POST", b"", b"POST/?data="),
        ("GET", b"", b"GET/?"),
        ("PUT", b"x", b"PUT/?data=x"),
        ("DELETE", b"", b"DELETE/?"),
    ],
)
def test_a_post_signs_that_it_has_no_body_and_every_body_is_signed(method: str, body: bytes, expected: bytes) -> None:
    assert string_to_sign(method, "/", {}, body) == expected


def test_either_name_of_the_signature_does() -> None:
    assert verify(signed("GET", "/a/", {"b": "1"}, name="signature"), [b"demo-secret"])
    assert offered({"bk_signature": "one", "signature": "two"}) == "one"
    assert offered({"bk_signature": "", "signature": "two"}) == "two"
    assert offered({"sign": "three"}) == ""


def test_only_the_signature_itself_is_left_out_of_what_is_signed() -> None:
    both = {"bk_signature": "one", "signature": "two"}
    assert string_to_sign("GET", "/", both, b"") == b"GET/?signature=two"
    assert string_to_sign("GET", "/", {**both, "bk_signature": ""}, b"") == b"GET/?"


@pytest.mark.parametrize("path", ["/a/%E4%B8%AD/", "/a/中/"])
def test_a_path_may_be_signed_encoded_or_not(path: str) -> None:
    made = signature_of("GET", path, {"b": "1"})
    assert verify(Signed("GET", "/a/%E4%B8%AD/", {"b": "1", "bk_signature": made}, b""), [b"demo-secret"])


def test_bytes_that_are_no_utf8_do_no_harm() -> None:
    assert not verify(Signed("GET", "/\udcff/%ff/", {"bk_signature": "签"}, b""), [b"demo-secret"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "Parameter bk_nonce does not exist"),
        ("", "Parameter bk_nonce does not exist"),
        ("abc", "Parameter bk_nonce is illegal"),
        ("1.5", "Parameter bk_nonce is illegal"),
        ("9" * 5000, "Parameter bk_nonce is illegal"),
        ("0", "Parameter bk_nonce is illegal, it must be a positive integer"),
        ("-1", "Parameter bk_nonce is illegal, it must be a positive integer"),
    ],
)
def test_a_nonce_is_a_positive_integer(text: str | None, message: str) -> None:
    with pytest.raises(AuthenticationError) as error:
        nonce({} if text is None else {"bk_nonce": text})
    assert str(error.value) == message
    assert nonce({"bk_nonce": "1"}) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "Parameter bk_timestamp does not exist"),
        ("", "Parameter bk_timestamp does not exist"),
        ("abc", "Parameter bk_timestamp is illegal, due to non-time format"),
        ("1e3", "Parameter bk_timestamp is illegal, due to non-time format"),
        ("9699", "Parameter bk_timestamp is illegal, because it has expired"),
        ("10301", "Parameter bk_timestamp is illegal, because it lies too far in the future"),
    ],
)
def test_a_timestamp_lies_within_the_window(text: str | None, message: str) -> None:
    with pytest.raises(AuthenticationError) as error:
        timestamp({} if text is None else {"bk_timestamp": text}, 10000.9)
    assert str(error.value) == message


@pytest.mark.parametrize("text", ["9700", "10000", "10300"])
def test_the_ends_of_the_window_count_as_within(text: str) -> None:
    assert timestamp({"bk_timestamp": text}, 10000.9) == int(text)


@pytest.mark.parametrize(
    ("method", "query", "body"),
    [
        ("GET", {"a": "1&b=2"}, b""),
        ("GET", {"a": "1&b=2", "c": "3"}, b""),
        ("GET", {"a": "1&=2&b=2"}, b""),
        ("GET", {"a&b": ""}, b""),
        ("GET", {"a=b": ""}, b""),
        ("GET", {"c": "1&data=x"}, b""),
        ("GET", {"a": "1"}, b"x"),
        ("HEAD", {"a": "1"}, b"{}"),
        ("POST", {"data": "x"}, b"{}"),
        ("DELETE", {"data": "x"}, b""),
        ("POST", {"c": "1&data=x"}, b"a=1"),
        ("POST", {"e": "2"}, b"a=1"),
        ("PUT", {"zone": "2"}, b"\xff\x00"),
        ("POST", {}, b"&e=2"),
        ("DELETE", {"c": "1&dz=1", "e": "2"}, b""),
        ("POST", {"c": "1&d=2", "e": "2"}, b""),
        ("PUT", {"c": "1&d=2", "e": "2"}, b"{}"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(method: str, query: dict[str, str], body: bytes) -> None:
    with pytest.raises(RequestError, match="can be read in more than one way"):
        check_unambiguous(Signed(method, "/", {"bk_nonce": "1", **query, "bk_signature": "s"}, body))


@pytest.mark.parametrize(
    ("method", "query", "body"),
    [
        ("GET", {}, b""),
        ("GET", {"a": "1 = 2 & more", "z": "&=="}, b""),
        ("GET", {"heading": "http://a/?x=1&b=2&a=3", "message": "M", "data": "D"}, b""),
        ("POST", {"e": "2"}, b""),
        ("POST", {"e": "2"}, b' {"a": "1&e=2"}'),
        ("POST", {"app": "2"}, b"a=1&e=2"),
        ("PUT", {"bk_app_code": "2"}, b"\xff\x00&e=2"),
        ("PUT", {"c": "1&dz=1", "e": "2"}, b"{}"),  # read so, dz would stand behind the body
        ("POST", {"c": "1&dz=1", "e": "2"}, b""),
    ],
)
def test_what_can_be_read_in_one_way_is_not(method: str, query: dict[str, str], body: bytes) -> None:
    check_unambiguous(Signed(method, "/", {"bk_nonce": "1", **query, "bk_signature": "s"}, body))


@pytest.mark.parametrize(
    ("path", "decoded"), [("/a/%252F/", "/a/%2F/"), ("/a%2Fb/", "/a/b/"), ("/a%3fb/", "/a?b/"), ("/a/%25/", "/a/%/")]
)
def test_a_path_that_decodes_to_another_is_signed_as_it_is(path: str, decoded: str) -> None:
    made = {"b": "1", "bk_signature": signature_of("GET", decoded, {"b": "1"})}
    assert not verify(Signed("GET", path, made, b""), [b"demo-secret"])
    assert verify(signed("GET", path, {"b": "1"}), [b"demo-secret"])


@pytest.mark.parametrize(("size", "beside"), [(AT_ONCE, False), (AT_ONCE + 1, True)])
async def test_a_large_body_is_hashed_for_each_secret_beside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, size: int, beside: bool
) -> None:
    threads = []

    def hashed(secret: bytes, text: bytes) -> bytes:
        threads.append(threading.get_ident())
        return sign(secret, text)

    monkeypatch.setattr(signature, "sign", hashed)
    assert not await verified(Signed("POST", "/a/", {"bk_signature": "x"}, b"x" * size), [b"one", b"two", b"three"])
    assert [thread != threading.get_ident() for thread in threads] == [beside] * 3
