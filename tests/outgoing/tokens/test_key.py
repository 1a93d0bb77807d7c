"""The key of a token: what makes it another one, and what does not."""

from dataclasses import replace

import pytest

from esb.outgoing.tokens.key import TokenKey

KEY = TokenKey("mp", "wx1", "digest", "access", "wx_secret", exclusive=True, app="a")


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, platform="qy"),
        replace(KEY, account="wx2"),
        replace(KEY, secret_digest="other"),
        replace(KEY, kind="jsapi"),
        replace(KEY, secret_parameter=""),
        replace(KEY, platform="mp:wx1", account="digest", secret_digest="access", kind=""),
    ],
)
def test_another_credential_or_kind_has_a_token_of_its_own(other: TokenKey) -> None:
    assert other != KEY
    assert other.name != KEY.name


@pytest.mark.parametrize("other", [replace(KEY, app="b"), replace(KEY, exclusive=False)])
def test_apps_with_the_same_credential_have_one_token(other: TokenKey) -> None:
    assert (other, hash(other), other.name) == (KEY, hash(KEY), KEY.name)


def test_separators_in_an_account_make_no_other_key() -> None:
    names = {TokenKey("mp", account, "digest").name for account in ("a:b", "a%3Ab", "a%253Ab", "a")}
    assert len(names) == 4
    assert TokenKey("mp", "a:b", "c").name != TokenKey("mp", "a", "b:c").name


def test_no_digest_is_shown() -> None:
    assert "digest" not in repr(KEY).replace("secret_digest", "")
