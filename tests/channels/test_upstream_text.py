"""An upstream's own words, as far as a caller may read them."""

from esb.channels.upstream_text import readable_code, readable_text


def test_an_upstreams_text_is_readable_without_addresses_and_secrets() -> None:
    assert readable_text("no\r\n way, see https://x.example/?k=1 pw", "pw", "") == "no way, see ***"
    assert (readable_text(None), len(readable_text("x" * 1000))) == ("", 300)


def test_a_code_is_a_code_and_no_secret() -> None:
    assert (readable_code(7), readable_code("Failed.X"), readable_code("two words")) == (7, "Failed.X", -1)
    assert (readable_code("pw", "pw"), readable_code(["7"])) == (-1, -1)
