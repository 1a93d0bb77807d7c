"""The lives of tokens of each kind."""

import pytest

from tests.support.wechat_client import APPID, CORPID, QY_APP, WeChat


async def test_a_plain_token_answer_has_no_errcode(wechat: WeChat) -> None:
    reply = await wechat.fetch_plain()

    assert set(reply) == {"access_token", "expires_in"}
    assert reply["expires_in"] == 7200


async def test_a_wecom_token_answer_has_an_errcode(wechat: WeChat) -> None:
    reply = await wechat.fetch_wecom()

    assert (reply["errcode"], reply["errmsg"], reply["expires_in"]) == (0, "ok", 7200)


async def test_tokens_are_as_long_as_real_ones(wechat: WeChat) -> None:
    assert 140 <= len(await wechat.plain_token()) <= 160
    assert 210 <= len(await wechat.wecom_token()) <= 300


async def test_every_plain_fetch_makes_a_new_token(wechat: WeChat) -> None:
    assert await wechat.plain_token() != await wechat.plain_token()


async def test_the_previous_plain_token_works_for_five_minutes_more(wechat: WeChat) -> None:
    old = await wechat.plain_token()
    new = await wechat.plain_token()
    wechat.clock.now += 299
    assert (await wechat.template(old))["errcode"] == 0

    wechat.clock.now += 1
    assert (await wechat.template(old))["errcode"] == 40001
    assert (await wechat.template(new))["errcode"] == 0


async def test_the_third_newest_plain_token_dies_at_once(wechat: WeChat) -> None:
    oldest = await wechat.plain_token()
    previous = await wechat.plain_token()
    await wechat.plain_token()

    assert (await wechat.template(oldest))["errcode"] == 40001
    assert (await wechat.template(previous))["errcode"] == 0


async def test_the_number_of_previous_tokens_is_a_knob(wechat: WeChat) -> None:
    await wechat.turn(mp_keep_previous=0)
    old = await wechat.plain_token()
    await wechat.plain_token()

    assert (await wechat.template(old))["errcode"] == 40001


async def test_the_overlap_of_plain_tokens_is_a_knob(wechat: WeChat) -> None:
    await wechat.turn(mp_overlap_s=10)
    old = await wechat.plain_token()
    await wechat.plain_token()
    wechat.clock.now += 10

    assert (await wechat.template(old))["errcode"] == 40001


async def test_a_later_fetch_does_not_lengthen_the_overlap_of_an_old_token(wechat: WeChat) -> None:
    await wechat.turn(mp_keep_previous=2)
    oldest = await wechat.plain_token()
    await wechat.plain_token()
    wechat.clock.now += 200
    await wechat.plain_token()
    wechat.clock.now += 100

    assert (await wechat.template(oldest))["errcode"] == 40001


async def test_a_new_plain_token_may_be_refused_at_first(wechat: WeChat) -> None:
    await wechat.turn(mp_new_token_lag_ms=500)
    token = await wechat.plain_token()
    wechat.clock.now += 0.4
    assert (await wechat.template(token))["errcode"] == 40001

    wechat.clock.now += 0.1
    assert (await wechat.template(token))["errcode"] == 0


async def test_the_old_token_may_fail_now_and_then_in_the_overlap(wechat: WeChat) -> None:
    await wechat.turn(mp_old_token_flaky=0.5)
    old = await wechat.plain_token()
    new = await wechat.plain_token()

    assert {(await wechat.template(old))["errcode"] for _ in range(20)} == {0, 40001}
    assert {(await wechat.template(new))["errcode"] for _ in range(20)} == {0}


@pytest.mark.parametrize("fetch", ["plain_token", "stable_token"])
async def test_an_official_account_token_expires_after_two_hours(wechat: WeChat, fetch: str) -> None:
    token = await getattr(wechat, fetch)()
    wechat.clock.now += 7199
    assert (await wechat.template(token))["errcode"] == 0

    wechat.clock.now += 1
    assert (await wechat.template(token))["errcode"] == 42001


async def test_the_life_of_tokens_is_a_knob(wechat: WeChat) -> None:
    await wechat.turn(token_ttl_s=600)

    assert (await wechat.fetch_plain())["expires_in"] == 600
    assert (await wechat.fetch_wecom())["expires_in"] == 600


async def test_stable_token_returns_the_same_token_with_its_remaining_life(wechat: WeChat) -> None:
    first = await wechat.fetch_stable()
    wechat.clock.now += 6855
    second = await wechat.fetch_stable()

    assert second == {"access_token": first["access_token"], "expires_in": 345}


async def test_stable_token_returns_a_new_one_in_the_last_five_minutes_and_both_work(wechat: WeChat) -> None:
    old = await wechat.stable_token()
    wechat.clock.now += 6900
    renewed = await wechat.fetch_stable()

    assert renewed["access_token"] != old
    assert renewed["expires_in"] == 7200
    assert (await wechat.template(old))["errcode"] == 0
    assert (await wechat.template(renewed["access_token"]))["errcode"] == 0


async def test_the_renewal_window_of_stable_tokens_is_a_knob(wechat: WeChat) -> None:
    await wechat.turn(stable_renew_window_s=1000)
    old = await wechat.stable_token()
    wechat.clock.now += 6200

    assert await wechat.stable_token() != old


async def test_plain_and_stable_tokens_leave_each_other_alone(wechat: WeChat) -> None:
    stable = await wechat.stable_token()
    for _ in range(3):
        plain = await wechat.plain_token()
    await wechat.fetch_stable(force_refresh=True)

    assert (await wechat.template(stable))["errcode"] == 40001
    assert (await wechat.template(plain))["errcode"] == 0


async def test_forcing_replaces_the_stable_token_at_once(wechat: WeChat) -> None:
    old = await wechat.stable_token()
    forced = (await wechat.fetch_stable(force_refresh=True))["access_token"]

    assert forced != old
    assert (await wechat.template(old))["errcode"] == 40001
    assert (await wechat.template(forced))["errcode"] == 0


async def test_forcing_again_within_thirty_seconds_changes_nothing(wechat: WeChat) -> None:
    forced = (await wechat.fetch_stable(force_refresh=True))["access_token"]
    wechat.clock.now += 29
    assert (await wechat.fetch_stable(force_refresh=True))["access_token"] == forced

    wechat.clock.now += 1
    assert (await wechat.fetch_stable(force_refresh=True))["access_token"] != forced


async def test_forcing_is_limited_to_twenty_times_a_day(wechat: WeChat) -> None:
    for _ in range(20):
        await wechat.fetch_stable(force_refresh=True)
        wechat.clock.now += 30
    assert (await wechat.fetch_stable(force_refresh=True))["errcode"] == 45009
    assert "access_token" in await wechat.fetch_stable()

    wechat.clock.now += 86400
    assert "access_token" in await wechat.fetch_stable(force_refresh=True)


async def test_gettoken_repeats_the_token_until_it_expires(wechat: WeChat) -> None:
    first = await wechat.fetch_wecom()
    wechat.clock.now += 7000
    again = await wechat.fetch_wecom()
    assert (again["access_token"], again["expires_in"]) == (first["access_token"], 200)

    wechat.clock.now += 200
    assert (await wechat.fetch_wecom())["access_token"] != first["access_token"]


async def test_gettoken_may_state_the_full_life_on_repeats(wechat: WeChat) -> None:
    await wechat.turn(qy_expires_in="full")
    await wechat.fetch_wecom()
    wechat.clock.now += 7000

    assert (await wechat.fetch_wecom())["expires_in"] == 7200


async def test_gettoken_may_give_a_new_token_each_time(wechat: WeChat) -> None:
    await wechat.turn(qy_same_token=False)
    first, second = await wechat.wecom_token(), await wechat.wecom_token()

    assert first != second
    assert (await wechat.send(first))["errcode"] == 0
    assert (await wechat.send(second))["errcode"] == 0


async def test_a_wecom_token_expires_after_two_hours(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    wechat.clock.now += 7200

    assert (await wechat.send(token))["errcode"] == 42001


async def test_a_wecom_token_may_expire_early(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    await wechat.turn(qy_early_expire_prob=1)
    assert (await wechat.send(token))["errcode"] == 42001

    await wechat.turn(qy_early_expire_prob=0)
    assert (await wechat.send(token))["errcode"] == 42001
    assert await wechat.wecom_token() != token


@pytest.mark.parametrize("app", [APPID, None])
async def test_expired_tokens_of_an_official_account_answer_42001(wechat: WeChat, app: str | None) -> None:
    plain, stable = await wechat.plain_token(), await wechat.stable_token()
    await wechat.control("POST", "tokens/expire", {"app": app} if app else None)

    assert (await wechat.template(plain))["errcode"] == 42001
    assert (await wechat.template(stable))["errcode"] == 42001
    assert await wechat.stable_token() != stable


async def test_expired_tokens_of_one_app_leave_the_others_alone(wechat: WeChat) -> None:
    wecom, stable = await wechat.wecom_token(), await wechat.stable_token()
    await wechat.control("POST", "tokens/expire", {"app": QY_APP})

    assert (await wechat.send(wecom))["errcode"] == 42001
    assert (await wechat.template(stable))["errcode"] == 0


async def test_rotated_tokens_of_an_official_account_are_not_the_latest(wechat: WeChat) -> None:
    plain, stable = await wechat.plain_token(), await wechat.stable_token()
    assert await wechat.control("POST", "tokens/rotate", {"app": APPID}) == {"rotated": 2}

    for token in (plain, stable):
        reply = await wechat.template(token)
        assert reply["errcode"] == 40001
        assert "not latest" in reply["errmsg"]
    assert (await wechat.template(await wechat.stable_token()))["errcode"] == 0


async def test_a_rotated_wecom_token_is_invalid_and_the_next_fetch_gives_another(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    await wechat.control("POST", "tokens/rotate")
    assert (await wechat.send(token))["errcode"] == 40014

    fresh = await wechat.wecom_token()
    assert fresh != token
    assert (await wechat.send(fresh))["errcode"] == 0


async def test_rotating_before_any_fetch_does_nothing(wechat: WeChat) -> None:
    assert await wechat.control("POST", "tokens/rotate") == {"rotated": 0}


async def test_a_replaced_token_stays_replaced_when_it_would_expire(wechat: WeChat) -> None:
    token = await wechat.stable_token()
    await wechat.control("POST", "tokens/rotate")
    await wechat.control("POST", "clock", {"advance": 8000})

    assert (await wechat.template(token))["errcode"] == 40001


async def test_a_token_of_the_other_platform_is_invalid(wechat: WeChat) -> None:
    wecom, stable = await wechat.wecom_token(), await wechat.stable_token()

    assert (await wechat.template(wecom))["errcode"] == 40014
    assert (await wechat.send(stable))["errcode"] == 40014


async def test_the_memory_of_old_tokens_is_bounded(wechat: WeChat) -> None:
    first = await wechat.plain_token()
    for _ in range(60):
        last = await wechat.plain_token()

    assert (await wechat.template(first))["errcode"] == 40001
    assert (await wechat.template(last))["errcode"] == 0


async def test_two_apps_of_a_corporation_have_tokens_of_their_own(wechat: WeChat) -> None:
    apps = [{"agentid": 1, "secret": "first"}, {"agentid": 2, "secret": "second"}]
    await wechat.seed(qy=[{"corpid": CORPID, "members": ["zhangsan"], "apps": apps}])
    first, second = await wechat.wecom_token(corpsecret="first"), await wechat.wecom_token(corpsecret="second")

    assert first != second
    assert (await wechat.send(first, agentid=1))["errcode"] == 0
    assert (await wechat.send(first, agentid=2))["errcode"] == 301002
