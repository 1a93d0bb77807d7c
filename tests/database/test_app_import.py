"""Apps that come from elsewhere: written where they are missing, and a second time not at all."""

from dataclasses import replace

import pytest

from esb.database.app_import import AppImport, ImportedApp, ImportedRight, Written
from esb.database.registry import Actor, Terms
from esb.database.registry_errors import NotAcceptable
from tests.support.registry import DAY, NOW, Registered

APP = ImportedApp(
    "monitor",
    ["the-first-secret", "the-second-secret"],
    {"cmsi.send_weixin": ImportedRight(NOW + DAY, "a table"), "cc.search_host": ImportedRight(None, "a table")},
    {"*": ImportedRight(None, "a list")},
)
NOTHING = Written()


async def bring(records: Registered, app: ImportedApp, now: int = NOW) -> Written:
    actor = Actor("cli:tom", "import")
    return await AppImport(records.database, records.registry, actor, now).bring(app)


def with_right(right: ImportedRight) -> ImportedApp:
    return replace(APP, grants={"cmsi.send_weixin": right})


async def end(records: Registered) -> str | None:
    """Return the end of the right to cmsi.send_weixin."""
    (found,) = (each for each in (await records.app())["grants"] if each["pattern"] == "cmsi.send_weixin")
    until: str | None = found["until"]
    return until


async def test_an_app_is_written_with_all_it_has_and_a_second_time_nothing_happens(records: Registered) -> None:
    assert await bring(records, APP) == Written(1, 2, 2, 1)
    found = await records.app()
    assert [each["hint"] for each in found["secrets"]] == ["cret", "cret"]
    assert {each["pattern"]: (each["until"], each["reason"]) for each in found["grants"]} == {
        "cmsi.send_weixin": ("2027-01-16T08:00:00Z", "imported: a table"),
        "cc.search_host": (None, "imported: a table"),
    }
    assert [(each["users"], each["components"]) for each in found["impersonations"]] == [("*", "*")]
    history, number = await records.history(), await records.number()
    assert {(row["actor"], row["via"]) for row in history} == {("cli:tom", "import")}
    assert await bring(records, APP) == NOTHING
    assert (await records.history(), await records.number()) == (history, number)


async def test_what_is_missing_of_an_app_that_is_there_is_added(records: Registered) -> None:
    async with records.writing() as write:
        await write.apps.create("monitor", secrets=["the-first-secret", "own-secret"], hash_only=True)
        await write.impersonations.add("monitor", "*", "cmsi.*")
    assert await bring(records, APP) == Written(0, 1, 2, 1)
    assert len((await records.app())["secrets"]) == 3


async def test_a_secret_that_was_retired_does_not_come_back(records: Registered) -> None:
    await bring(records, APP)
    async with records.writing() as write:
        await write.secrets.retire("monitor", 1)
    assert await bring(records, APP) == NOTHING


@pytest.mark.parametrize(("until", "lasts"), [(NOW + 2 * DAY, "2027-01-17T08:00:00Z"), (None, None)])
async def test_a_right_that_lasts_longer_now_is_given_its_new_end(
    records: Registered, until: int | None, lasts: str | None
) -> None:
    await bring(records, APP)
    assert await bring(records, with_right(ImportedRight(until, "a table"))) == Written(grants=1)
    assert await end(records) == lasts


async def test_no_right_is_made_shorter_or_taken_away(records: Registered) -> None:
    await bring(records, APP)
    assert await bring(records, with_right(ImportedRight(NOW + 1, "a table"))) == NOTHING
    assert await bring(records, replace(APP, secrets=[], grants={}, impersonations={})) == NOTHING
    assert await end(records) == "2027-01-16T08:00:00Z"


async def test_an_end_that_is_counted_from_now_moves_only_when_it_has_come(records: Registered) -> None:
    await bring(records, with_right(ImportedRight(NOW + DAY, "a table", goes_on=True)))
    later = with_right(ImportedRight(NOW + DAY + 1, "a table", goes_on=True))
    assert await bring(records, later, NOW + 1) == NOTHING
    assert await bring(records, later, NOW + DAY) == Written(grants=1)


async def test_a_right_that_somebody_has_given_anew_is_theirs(records: Registered) -> None:
    await bring(records, APP)
    async with records.writing() as write:
        await write.grants.add("monitor", "cmsi.send_weixin", Terms(until=NOW + 5, reason="shorter"))
    assert await bring(records, with_right(ImportedRight(None, "a table"))) == NOTHING


async def test_of_an_app_that_is_not_accepted_nothing_is_written(records: Registered) -> None:
    with pytest.raises(NotAcceptable):
        await bring(records, replace(APP, grants={"a blank": ImportedRight(None, "a table")}))
    assert await records.history() == []


async def test_no_secret_is_shown_when_an_app_is_printed() -> None:
    assert "secret" not in repr(APP).replace("secrets", "")
