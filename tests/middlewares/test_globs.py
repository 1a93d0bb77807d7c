"""The names that globs match."""

import pytest

from esb.middlewares._globs import matches


@pytest.mark.parametrize(
    ("name", "globs", "given"),
    [
        ("cmsi.send_weixin", ["*"], True),
        ("cmsi.send_weixin", {"other.*", "cmsi.*"}, True),
        ("cmsi.send_weixin", ["cmsi.send_*", "cmsi.get_*"], True),
        ("cmsi.send_weixin", ["cmsi.send_weixin"], True),
        ("cmsi.send_weixin", ["cmsi.send_weixi?"], True),
        ("cmsi.send_weixin", ["cmsi.send_[a-w]*"], True),
        ("cmsi.send_weixin", [], False),
        ("cmsi.send_weixin", ["cmsi"], False),
        ("cmsi.send_weixin", ["send_weixin"], False),
        ("cmsi.send_weixin", ["CMSI.*"], False),
        ("cmsi.send_weixin", ["cmsi.send_weixin "], False),
        ("*", ["a"], False),
        ("", ["?"], False),
        ("", ["*"], True),
    ],
)
def test_a_name_is_given_by_a_glob_that_fits_all_of_it(name: str, globs: list[str], given: bool) -> None:
    assert matches(name, globs) is given
