"""Both errcode tables, and what a reply is judged to be."""

from datetime import UTC, datetime
from string import Formatter

import pytest

from esb.channels.verdict import Kind, Table
from esb.channels.wechat.codes.official_account import OFFICIAL_ACCOUNT
from esb.channels.wechat.codes.wecom import CARD_FIELDS, ROBOT, WECOM
from esb.channels.wechat.verdict import judge, readable, retry_after
from esb.core.errors import Message

DOCUMENTED_OFFICIAL_ACCOUNT: dict[Kind, set[int]] = {
    "token": {40001, 40014, 41001, 42001},
    "busy": {-1, 43108},
    "quota": {45009, 45011},
    "receiver": {40003, 43004, 43019, 43101, 45015, 45047, 48002, 50002, 50005},
    "message": {40033, 44002, 44004, 45002, 47001, 47003},
    "config": {
        *{40002, 40013, 40036, 40037, 40125, 40164, 40243, 41002, 41004, 43002, 43003, 43116, 45035, 45109},
        *{48001, 48004, 61004, 89501, 89503, 89506, 89507},
    },
    "held": {40252},
}
DOCUMENTED_WECOM: dict[Kind, set[int]] = {
    "token": {40001, 40014, 41001, 42001},
    "busy": {-1, 45033},
    "quota": {45009},
    "receiver": {40003, 40066, 40068, 43004, 46004, 50002, 60011, 60111, 81013},
    "message": {
        *{40008, 40031, 40032, 40035, 40054, 40055, 40058, 40063, 41011, 44004, 45002, 45008},
        *{40007, 81012, 82001, 82002, 82003},
    },
    "config": {
        *{40013, 40056, 41004, 42007, 48002, 50003, 60020, 86001, 86003, 86008, 86216, 93000, 93004, 93008, 301002},
    },
}


@pytest.mark.parametrize(("platform", "documented"), [("mp", DOCUMENTED_OFFICIAL_ACCOUNT), ("qy", DOCUMENTED_WECOM)])
def test_every_documented_code_of_sending_is_judged_by_its_class(
    platform: str, documented: dict[Kind, set[int]]
) -> None:
    for kind, codes in documented.items():
        for code in codes:
            assert judge(platform, code, "").kind == kind, code


@pytest.mark.parametrize("table", [OFFICIAL_ACCOUNT, WECOM, ROBOT])
def test_every_hint_is_one_sentence_line_that_can_be_filled(table: Table) -> None:
    for code, meaning in table.items():
        fields = {name for _, name, _, _ in Formatter().parse(meaning.text) if name}
        assert fields <= {"ip", "field"}, code
        assert ("field" in fields) == (code in CARD_FIELDS and table is not OFFICIAL_ACCOUNT), code
        text = str(meaning.hint(ip="192.0.2.1"))
        assert text.endswith("."), code
        assert "\n" not in text, code


@pytest.mark.parametrize("platform", ["mp", "qy"])
def test_40001_is_a_dead_token_on_a_send_and_a_wrong_secret_on_a_token_fetch(platform: str) -> None:
    sent = judge(platform, 40001, "invalid credential")
    fetched = judge(platform, 40001, "invalid credential", fetching=True)
    assert (sent.kind, sent.retryable) == ("token", True)
    assert (fetched.kind, fetched.retryable) == ("config", False)
    assert "secret" in str(fetched.hint).lower()


def test_the_same_code_may_mean_different_things_on_the_two_platforms() -> None:
    assert judge("mp", 48002, "").kind == "receiver"
    assert judge("qy", 48002, "").kind == "config"


@pytest.mark.parametrize(
    ("platform", "errcode", "errmsg", "address"),
    [
        ("mp", 40164, "invalid ip 192.0.2.1 ipv6 ::ffff:192.0.2.1, not in whitelist rid: 6aac-1-2", "192.0.2.1"),
        ("mp", 40164, "invalid ip 192.0.2.1, not in whitelist hint: [x1]", "192.0.2.1"),
        ("mp", 40164, "invalid ip 2001:db8::7, not in whitelist", "2001:db8::7"),
        ("mp", 40164, "invalid ip abc, requestip: 192.0.2.1", "192.0.2.1"),
        ("mp", 61004, "access clientip is not registered requestIP: 192.0.2.1 rid: 6aac-1-2", "192.0.2.1"),
        (
            "qy",
            60020,
            "not allow to access from your ip, hint: [1789], from ip: 192.0.2.1, more info at "
            "https://open.work.weixin.qq.com/devtool/query?e=60020",
            "192.0.2.1",
        ),
    ],
)
def test_a_refused_address_is_named_as_wechat_saw_it(platform: str, errcode: int, errmsg: str, address: str) -> None:
    verdict = judge(platform, errcode, errmsg)
    assert verdict.kind == "config"
    assert f"WeChat saw {address}, " in str(verdict.hint)


def test_a_refused_address_that_wechat_does_not_tell_is_not_made_up() -> None:
    assert "WeChat saw an address that it does not name, " in str(judge("qy", 60020, "from ip: , hint").hint)


def test_an_unknown_code_is_permanent_and_keeps_what_wechat_said() -> None:
    verdict = judge("mp", 99999, "brand new rid: 6aac-1-2")
    assert (verdict.kind, verdict.retryable, verdict.retry_after) == ("unknown", False, None)
    assert verdict.errmsg == "brand new rid: 6aac-1-2"


def test_a_warning_under_errcode_0_is_not_plain_success() -> None:
    assert judge("qy", 0, "ok").kind == "ok"
    verdict = judge("qy", 0, "ok. Warning: wrong json format. ")
    assert (verdict.kind, verdict.retryable) == ("message", False)


def test_what_is_held_for_review_is_not_to_be_sent_again() -> None:
    verdict = judge("mp", 40252, "")
    assert (verdict.kind, verdict.retryable) == ("held", False)
    assert "do not send it again" in str(verdict.hint)


def test_only_quotas_say_when_to_come_again() -> None:
    assert judge("qy", 45009, "").retry_after == 60
    assert judge("robot", 45009, "").retry_after == 60
    assert judge("mp", 45011, "").retry_after == 60
    assert 0 < (judge("mp", 45009, "").retry_after or 0) <= 86400
    assert judge("qy", 45033, "").retry_after is None


def test_a_robot_has_limits_of_its_own() -> None:
    assert "20 messages a minute" in str(judge("robot", 45009, "").hint)
    assert judge("robot", 93000, "").kind == "config"


def test_an_answers_data_leaves_the_hint_to_be_translated() -> None:
    data = judge("qy", 42037, "invalid option_list").data()
    hint = data.pop("hint")
    assert data == {
        "errcode": 42037,
        "errmsg": "invalid option_list",
        "class": "message",
        "retryable": False,
        "retry_after": None,
    }
    assert isinstance(hint, Message)
    assert "option_list" in str(hint)


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
@pytest.mark.parametrize("platform", ["mp", "qy"])
def test_a_dead_token_is_told_apart_on_a_send(platform: str, errcode: int) -> None:
    assert judge(platform, errcode, "").kind == "token"


@pytest.mark.parametrize(
    ("platform", "errcodes"), [("mp", [40001, 40013, 40125, 40164, 40243]), ("qy", [40001, 40013, 50003, 60020])]
)
def test_a_refused_credential_is_told_apart_on_a_fetch(platform: str, errcodes: list[int]) -> None:
    assert {judge(platform, errcode, "", fetching=True).kind for errcode in errcodes} == {"config"}
    for passing in (-1, 45009, 45033):
        assert judge(platform, passing, "", fetching=True).kind != "config"


def test_an_official_accounts_day_ends_at_midnight_in_beijing() -> None:
    assert retry_after("mp", 45009, datetime(2026, 1, 1, 15, 59, tzinfo=UTC)) == 60
    assert retry_after("mp", 45009, datetime(2026, 1, 1, 16, 0, tzinfo=UTC)) == 86400


def test_an_errmsg_loses_addresses_and_secrets_and_keeps_the_rest() -> None:
    errmsg = "invalid credential s3cret, more details at https://mmbizurl.cn/s/x rid: 6aac-1-2"
    assert readable(errmsg, ("s3cret",)) == "invalid credential *** rid: 6aac-1-2"
    assert judge("mp", 40001, errmsg, secrets=("s3cret",)).errmsg == "invalid credential *** rid: 6aac-1-2"
    assert len(readable("x" * 1000, ())) == 300
