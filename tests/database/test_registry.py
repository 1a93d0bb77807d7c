"""Writes: each is one transaction, noticed by its number, told by the history, and without any secret in the clear."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from esb.database.apps import APP_SECRET
from esb.database.registry import Actor, Terms, new_secret
from esb.database.registry_errors import AlreadyThere, AppUnknown, Missing, NotAcceptable
from tests.support.registry import DAY, NOW, ROOT, Registered, switch_off


async def with_app(records: Registered, code: str = "monitor", secrets: int = 1) -> list[str]:
    made = [new_secret() for _ in range(secrets)]
    async with records.writing() as write:
        await write.apps.create(code, secrets=made)
    return made


# One transaction


async def test_a_write_counts_notes_its_app_and_is_told_once(records: Registered) -> None:
    await with_app(records)
    assert await records.number() == 1
    assert await records.changes() == [(1, "monitor")]
    (row,) = await records.history()
    assert row == {
        "at": "2027-01-15T08:00:00Z",
        "actor": "cli:root",
        "via": "cli",
        "action": "app.create",
        "app": "monitor",
        "before": None,
        "after": {"disabled": False, "hash_only": False, "expires": None, "settings": {}, "secrets": [1]},
    }


async def test_an_exception_undoes_all_of_a_transaction(records: Registered) -> None:
    await with_app(records)

    async def fail() -> None:
        async with records.writing() as write:
            await write.grants.add("monitor", "cmsi.*")
            await write.grants.revoke("monitor", "cc.*")

    with pytest.raises(Missing):
        await fail()
    assert (await records.app())["grants"] == []
    assert await records.actions() == ["app.create"]
    assert await records.number() == 1


async def test_some_writes_of_one_transaction_are_one_change(records: Registered) -> None:
    async with records.writing() as write:
        await write.apps.create("monitor")
        await write.apps.create("billing")
        await write.grants.add("monitor", "cmsi.*")
    assert await records.changes() == [(1, "billing"), (1, "monitor")]
    assert await records.actions() == ["app.create", "app.create", "grant.add"]


async def test_what_changes_nothing_is_not_told(records: Registered) -> None:
    await with_app(records)
    async with records.writing() as write:
        assert not await write.apps.set_disabled("monitor", False)
        assert not await write.apps.set_expires("monitor", None)
        assert not await write.apps.set_settings("monitor", {}, ["region"])
    assert await records.actions() == ["app.create"]
    assert await records.changes() == [(1, "monitor")]
    assert await records.number() == 1  # with one that tells of no app, readers would read all apps again


async def test_the_actor_and_the_way_are_told(records: Registered) -> None:
    async with records.registry.writing(Actor("admin:ops", "admin")) as write:
        await write.apps.create("monitor")
    (row,) = await records.history()
    assert (row["actor"], row["via"]) == ("admin:ops", "admin")
    assert (await records.app())["created_by"] == "admin:ops"


# Apps


async def test_a_code_is_given_once(records: Registered) -> None:
    await with_app(records)
    with pytest.raises(AlreadyThere, match="'monitor' already"):
        await with_app(records)
    await with_app(records, "Monitor")


@pytest.mark.parametrize(
    "code", ["", " monitor", "monitor ", "mon\0itor", "mon\nitor", "m" * 129, "\ud800", "a\u200bb"]
)
async def test_a_code_that_a_database_may_mistake_for_another_is_refused(records: Registered, code: str) -> None:
    with pytest.raises(NotAcceptable, match="the code of an app has"):
        await with_app(records, code)


async def test_an_app_is_switched_off_and_on(records: Registered) -> None:
    await with_app(records)
    async with records.writing() as write:
        assert await write.apps.set_disabled("monitor", True)
    assert (await records.app())["disabled"] is True
    async with records.writing() as write:
        assert await write.apps.set_disabled("monitor", False)
    assert (await records.app())["disabled"] is False
    assert [(row["action"], row["before"], row["after"]) for row in (await records.history())[1:]] == [
        ("app.disable", {"disabled": False}, {"disabled": True}),
        ("app.enable", {"disabled": True}, {"disabled": False}),
    ]


async def test_an_app_gets_an_end_and_settings(records: Registered) -> None:
    await with_app(records)
    async with records.writing() as write:
        assert await write.apps.set_expires("monitor", NOW + DAY)
        assert await write.apps.set_settings(
            "monitor", {"region": "south", "api_key": "hunter2", "deep": {"token": "x"}}
        )
        assert await write.apps.set_settings("monitor", {"region": "north"}, ["deep"])
    app = await records.app()
    assert app["expires"] == "2027-01-16T08:00:00Z"
    assert app["settings"] == {"region": "north", "api_key": "***"}
    assert [(row["before"], row["after"]) for row in (await records.history())[1:]] == [
        ({"expires": None}, {"expires": "2027-01-16T08:00:00Z"}),
        ({"settings": {}}, {"settings": {"region": "south", "api_key": "***", "deep": {"token": "***"}}}),
        ({"settings": {"region": "south", "deep": {"token": "***"}}}, {"settings": {"region": "north"}}),
    ]


async def test_settings_are_json_of_bounded_length(records: Registered) -> None:
    await with_app(records)
    for settings in ({"a": {1, 2}}, {"a": float("nan")}, {"a": "\ud800"}, {"a": "x" * 70_000}):
        with pytest.raises(NotAcceptable, match="settings"):
            async with records.writing() as write:
                await write.apps.set_settings("monitor", settings)


@pytest.mark.parametrize("levels", [101, 900])
async def test_settings_nest_as_deep_as_can_be_shown(records: Registered, levels: int) -> None:
    await with_app(records)
    value: Any = "innermost"
    for _ in range(levels - 1):
        value = [value]
    async with records.writing() as write:
        with pytest.raises(NotAcceptable, match="nest at most 100 levels"):
            await write.apps.create("deep", settings={"a": value})
        while levels > 100:
            value, levels = value[0], levels - 1
        await write.apps.set_settings("monitor", {"a": value})
    assert (await records.app())["settings"] == {"a": value}


async def test_a_deleted_app_leaves_its_history_alone(records: Registered) -> None:
    await with_app(records)
    async with records.writing() as write:
        await write.grants.add("monitor", "cmsi.*")
        await write.owners.add("monitor", "zhang")
        await write.apps.delete("monitor")
    with pytest.raises(AppUnknown, match="there is no app 'monitor'"):
        await records.app()
    *_, last = await records.history(app="monitor")
    assert (last["action"], last["before"]["owners"], last["after"]) == ("app.delete", ["zhang"], None)
    await with_app(records)
    app = await records.app()
    assert (len(app["secrets"]), app["grants"], app["owners"]) == (1, [], [])


# Secrets


async def test_a_secret_is_kept_sealed_and_found_by_its_digest(records: Registered) -> None:
    (secret,) = await with_app(records)
    async with records.database.reading() as connection:
        row = (await connection.execute(select(APP_SECRET))).one()
    assert records.database.keys.unseal(row.sealed, "monitor") == secret
    assert row.digest == records.database.keys.digest("monitor", secret)
    assert (await records.app())["secrets"][0]["hint"] == secret[-4:] == row.hint


async def test_an_app_that_never_signs_keeps_no_secret(records: Registered) -> None:
    async with records.writing() as write:
        await write.apps.create("monitor", secrets=["hunter2-hunter2"], hash_only=True)
        await write.secrets.add("monitor", "correct horse battery")
    async with records.database.reading() as connection:
        assert [row.sealed for row in await connection.execute(select(APP_SECRET))] == [None, None]


async def test_of_a_short_secret_nothing_is_shown(records: Registered) -> None:
    async with records.writing() as write:
        await write.apps.create("monitor", secrets=["15-letters-long", "16-letters-long-"])
    assert [each["hint"] for each in (await records.app())["secrets"]] == ["", "ong-"]


async def test_a_new_secret_gives_the_old_ones_an_end(records: Registered) -> None:
    await with_app(records, secrets=3)
    async with records.writing() as write:
        await write.secrets.retire("monitor", 1, NOW - DAY)
        await write.secrets.retire("monitor", 2, NOW + 30 * DAY)
        assert await write.secrets.add("monitor", new_secret(), retire_old=NOW + 7 * DAY) == 4
    ends = {row["id"]: row["until"] for row in (await records.app())["secrets"]}
    assert ends == {1: "2027-01-14T08:00:00Z", 2: "2027-01-22T08:00:00Z", 3: "2027-01-22T08:00:00Z", 4: None}
    row = (await records.history())[-1]
    assert (row["action"], row["before"], row["after"]) == (
        "secret.add",
        {"retired": {"2": "2027-02-14T08:00:00Z", "3": None}},
        {
            "secret": 4,
            "until": None,
            "retired": {"2": "2027-01-22T08:00:00Z", "3": "2027-01-22T08:00:00Z"},
        },
    )


async def test_a_secret_is_retired_at_once_and_only_once(records: Registered) -> None:
    await with_app(records)
    async with records.writing() as write:
        assert await write.secrets.retire("monitor", 1)
        assert not await write.secrets.retire("monitor", 1)
    assert (await records.app())["secrets"][0]["until"] == "2027-01-15T08:00:00Z"
    assert await records.actions() == ["app.create", "secret.retire"]


async def test_a_secret_of_another_app_cannot_be_retired(records: Registered) -> None:
    await with_app(records)
    await with_app(records, "billing")
    with pytest.raises(Missing, match=r"billing has no secret '1'; it has '2'"):
        async with records.writing() as write:
            await write.secrets.retire("billing", 1)


async def test_the_same_secret_is_refused_without_repeating_it(records: Registered) -> None:
    async with records.writing() as write:
        await write.apps.create("monitor", secrets=["hunter2-hunter2"])
        await write.apps.create("billing", secrets=["hunter2-hunter2"])
    with pytest.raises(AlreadyThere) as refusal:
        async with records.writing() as write:
            await write.secrets.add("monitor", "hunter2-hunter2")
    assert str(refusal.value) == "monitor has this secret already, as its secret 1"


@pytest.mark.parametrize("secret", ["", " padded", "padded ", "line\nend", "x" * 256])
async def test_a_secret_that_no_caller_can_send_is_refused(records: Registered, secret: str) -> None:
    await with_app(records)
    with pytest.raises(NotAcceptable) as refusal:
        async with records.writing() as write:
            await write.secrets.add("monitor", secret)
    assert not secret or secret not in str(refusal.value)


async def test_no_history_and_no_view_has_a_secret(records: Registered) -> None:
    first, second = await with_app(records, secrets=2)
    third = new_secret()
    async with records.writing() as write:
        await write.secrets.add("monitor", third, retire_old=NOW)
        await write.apps.set_disabled("monitor", True)
    shown = f"{await records.app()} {await records.history()}"
    assert not any(secret in shown for secret in (first, second, third))


# Rights


async def test_a_grant_has_its_terms(records: Registered) -> None:
    await with_app(records)
    async with records.writing() as write:
        assert await write.grants.add("monitor", "cmsi.*", Terms(NOW + DAY, NOW + 2 * DAY, "alerts"))
    (grant,) = (await records.app())["grants"]
    assert grant == {
        "app": "monitor",
        "id": 1,
        "pattern": "cmsi.*",
        "since": "2027-01-16T08:00:00Z",
        "until": "2027-01-17T08:00:00Z",
        "reason": "alerts",
        "granted_by": "cli:root",
        "created": "2027-01-15T08:00:00Z",
    }
    row = (await records.history())[-1]
    assert (row["action"], row["before"], row["after"]["until"]) == ("grant.add", None, "2027-01-17T08:00:00Z")


async def test_a_grant_given_anew_has_the_new_terms(records: Registered) -> None:
    await with_app(records)
    terms = Terms(until=NOW + DAY, reason="alerts")
    async with records.writing() as write:
        assert await write.grants.add("monitor", "cmsi.*", terms)
        assert not await write.grants.add("monitor", "cmsi.*", terms)
        assert await write.grants.add("monitor", "cmsi.*", replace(terms, until=NOW + 2 * DAY))
    (grant,) = (await records.app())["grants"]
    assert grant["until"] == "2027-01-17T08:00:00Z"
    row = (await records.history())[-1]
    assert (row["before"]["until"], row["after"]["until"]) == ("2027-01-16T08:00:00Z", "2027-01-17T08:00:00Z")
    assert len(await records.history()) == 3


async def test_many_grants_are_given_as_if_one_by_one(records: Registered) -> None:
    await with_app(records)
    rights = {"cc.*": Terms(reason="old"), "cmsi.*": Terms(NOW, NOW + DAY, "alerts"), "job.run": Terms()}
    async with records.writing() as write:
        await write.grants.add("monitor", "cc.*", Terms(until=NOW + DAY))
        await write.grants.add("monitor", "job.run")
        await write.grants.add_all("monitor", rights)
    one_by_one = {each["pattern"]: each for each in (await records.app())["grants"]}
    assert {pattern: (each["until"], each["reason"]) for pattern, each in one_by_one.items()} == {
        "cc.*": (None, "old"),
        "cmsi.*": ("2027-01-16T08:00:00Z", "alerts"),
        "job.run": (None, ""),
    }
    *_, changed, new = await records.history()
    assert (new["action"], new["before"], new["after"]["pattern"]) == ("grant.add", None, "cmsi.*")
    assert (changed["before"]["until"], changed["after"]["until"]) == ("2027-01-16T08:00:00Z", None)


async def test_a_grant_is_revoked_by_its_very_pattern(records: Registered) -> None:
    await with_app(records)
    async with records.writing() as write:
        await write.grants.add("monitor", "cmsi.*")
    with pytest.raises(Missing, match=r"monitor has no grant 'cmsi\.send_sms'"):
        async with records.writing() as write:
            await write.grants.revoke("monitor", "cmsi.send_sms")
    async with records.writing() as write:
        await write.grants.revoke("monitor", "cmsi.*")
    assert (await records.app())["grants"] == []
    row = (await records.history())[-1]
    assert (row["action"], row["before"]["pattern"], row["after"]) == ("grant.revoke", "cmsi.*", None)


@pytest.mark.parametrize("pattern", ["", "!cmsi.*", "-cmsi.*", "cmsi.* ", "x" * 256])
async def test_a_pattern_that_cannot_give_is_refused(records: Registered, pattern: str) -> None:
    await with_app(records)
    with pytest.raises(NotAcceptable, match=r"a (glob|pattern) "):
        async with records.writing() as write:
            await write.grants.add("monitor", pattern)


async def test_a_right_ends_after_it_has_begun(records: Registered) -> None:
    await with_app(records)
    with pytest.raises(NotAcceptable, match="ends after it has begun"):
        async with records.writing() as write:
            await write.grants.add("monitor", "cmsi.*", Terms(since=NOW, until=NOW))


async def test_impersonations_are_told_apart_by_users_and_components(records: Registered) -> None:
    await with_app(records)
    async with records.writing() as write:
        assert await write.impersonations.add("monitor", "adm*")
        assert await write.impersonations.add("monitor", "adm*", "cmsi.*", Terms(until=NOW + DAY, reason="on call"))
        assert not await write.impersonations.add("monitor", "adm*")
        await write.impersonations.revoke("monitor", "adm*")
    (left,) = (await records.app())["impersonations"]
    assert (left["users"], left["components"], left["until"]) == ("adm*", "cmsi.*", "2027-01-16T08:00:00Z")
    with pytest.raises(Missing, match=r"monitor has no impersonation 'adm\* \*'; did you mean 'adm\* cmsi\.\*'\?"):
        async with records.writing() as write:
            await write.impersonations.revoke("monitor", "adm*")


# Owners and callbacks


async def test_owners_come_and_go(records: Registered) -> None:
    await with_app(records)
    async with records.writing() as write:
        assert await write.owners.add("monitor", "zhang")
        assert not await write.owners.add("monitor", "zhang")
        assert await write.owners.add("monitor", "li")
        await write.owners.remove("monitor", "zhang")
    assert (await records.app())["owners"] == ["li"]
    assert await records.actions() == ["app.create", "owner.add", "owner.add", "owner.remove"]
    with pytest.raises(Missing, match="no owner 'zhang'; it has 'li'"):
        async with records.writing() as write:
            await write.owners.remove("monitor", "zhang")


async def test_callbacks_come_change_and_go(records: Registered) -> None:
    await with_app(records)
    async with records.writing() as write:
        assert await write.callbacks.add("monitor", "done", "https://monitor.example.com/done?key=hunter2")
        assert not await write.callbacks.add("monitor", "done", "https://monitor.example.com/done?key=hunter2")
        assert await write.callbacks.add("monitor", "done", "https://monitor.example.com/v2")
    assert (await records.app())["callbacks"] == [{"name": "done", "url": "https://monitor.example.com/v2"}]
    async with records.writing() as write:
        await write.callbacks.remove("monitor", "done")
    assert (await records.app())["callbacks"] == []
    assert "hunter2" not in str(await records.history())
    assert (await records.history())[2]["before"] == {"name": "done", "url": "https://monitor.example.com/done?***"}


async def test_a_callback_that_was_switched_off_is_shown_and_comes_on_again(records: Registered) -> None:
    await with_app(records)
    url = "https://monitor.example.com/done"
    for moved in (False, True):
        async with records.writing() as write:
            await write.callbacks.add("monitor", "done", url)
        await switch_off(records.database, "monitor", "done")
        assert (await records.app())["callbacks"] == [{"name": "done", "url": url, "off": "2027-01-15T08:00:00Z"}]
        async with records.writing() as write:
            if moved:
                await write.callbacks.add("monitor", "done", f"{url}/v2")
            else:
                await write.callbacks.resume("monitor", "done")
        assert "off" not in (await records.app())["callbacks"][0]
    with pytest.raises(Missing, match="no callback that is switched off 'done'; it has none"):
        async with records.writing() as write:
            await write.callbacks.resume("monitor", "done")
    resumed = next(row for row in await records.history() if row["action"] == "callback.on")
    assert (resumed["before"], resumed["after"]) == ({"name": "done", "reason": "status 410"}, {"name": "done"})


async def test_a_callback_of_an_app_in_esb_yaml_comes_on_again_too(records: Registered) -> None:
    await switch_off(records.database, "static", "done")
    async with records.writing() as write:
        await write.callbacks.resume("static", "done")
    assert [row["app"] for row in await records.history()] == ["static"]


async def test_what_was_switched_off_goes_with_its_callback_and_its_app(records: Registered) -> None:
    for end in ("the callback", "the app"):
        async with records.writing() as write:
            if end == "the callback":
                await write.apps.create("monitor", secrets=[new_secret()])
            await write.callbacks.add("monitor", "done", "https://monitor.example.com/")
        await switch_off(records.database, "monitor", "done")
        async with records.writing() as write:
            if end == "the callback":
                await write.callbacks.remove("monitor", "done")
            else:
                await write.apps.delete("monitor")
        with pytest.raises(Missing, match="it has none"):
            async with records.writing() as write:
                await write.callbacks.resume("monitor", "done")


async def test_an_app_whose_secrets_cannot_be_had_back_gets_no_callback(records: Registered) -> None:
    async with records.writing() as write:
        await write.apps.create("monitor", secrets=["hunter2-hunter2"], hash_only=True)
    with pytest.raises(NotAcceptable, match="no callback could be signed"):
        async with records.writing() as write:
            await write.callbacks.add("monitor", "done", "https://monitor.example.com/")


@pytest.mark.parametrize(
    "url", ["monitor", "ftp://monitor/", "http://user:hunter2@monitor/", "http://a b/", "http://a/\ud800"]
)
async def test_an_address_that_cannot_be_called_back_is_refused(records: Registered, url: str) -> None:
    await with_app(records)
    with pytest.raises(NotAcceptable) as refusal:
        async with records.writing() as write:
            await write.callbacks.add("monitor", "done", url)
    assert "hunter2" not in str(refusal.value)


# Nobody's app


async def test_nothing_can_be_written_about_an_app_that_is_not_there(records: Registered) -> None:
    async with records.registry.writing(ROOT) as write:
        for writing in (
            write.apps.set_disabled("nobody", True),
            write.apps.set_expires("nobody", None),
            write.apps.set_settings("nobody", {}),
            write.apps.delete("nobody"),
            write.secrets.add("nobody", "hunter2"),
            write.secrets.retire("nobody", 1),
            write.grants.add("nobody", "*"),
            write.grants.revoke("nobody", "*"),
            write.impersonations.add("nobody", "*"),
            write.impersonations.revoke("nobody", "*"),
            write.owners.add("nobody", "zhang"),
            write.owners.remove("nobody", "zhang"),
            write.callbacks.add("nobody", "done", "http://a/"),
            write.callbacks.remove("nobody", "done"),
        ):
            with pytest.raises(AppUnknown):
                await writing
    assert await records.history() == []


@pytest.mark.parametrize("text", ["mon\0itor", "mon\ud800itor", "monitor ", "MONITOR"])
async def test_what_no_database_takes_is_not_there(records: Registered, text: str) -> None:
    await with_app(records)
    async with records.writing() as write:
        await write.grants.add("monitor", "monitor")
        await write.impersonations.add("monitor", "monitor")
        await write.owners.add("monitor", "monitor")
        await write.callbacks.add("monitor", "monitor", "https://example.com/")
    before = await records.app(), await records.history()
    with pytest.raises(AppUnknown):
        await records.app(text)
    async with records.writing() as write:
        for writing in (
            write.apps.set_disabled(text, True),
            write.apps.delete(text),
            write.grants.revoke("monitor", text),
            write.impersonations.revoke("monitor", text),
            write.owners.remove("monitor", text),
            write.callbacks.remove("monitor", text),
        ):
            with pytest.raises(Missing):
                await writing
    with pytest.raises(AppUnknown):
        await records.history(app=text)
    assert (await records.app(), await records.history()) == before


async def test_texts_of_all_scripts_come_back(records: Registered) -> None:
    async with records.writing() as write:
        await write.apps.create("监控", secrets=["密码密码密码🔑"], settings={"区域": "华南 🐍", "zero": "\0"})
        await write.grants.add("监控", "cmsi.*", Terms(reason="告警 🚨"))
    app = await records.app("监控")
    assert app["settings"] == {"区域": "华南 🐍", "zero": "\0"}
    assert app["grants"][0]["reason"] == "告警 🚨"
    assert (await records.history())[1]["after"]["reason"] == "告警 🚨"
