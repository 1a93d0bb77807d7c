"""Apps as a file declares them, brought about in each kind of database, once and again."""

from esb.database.declared_apps import DISABLED, EXPIRES, SETTINGS, DeclaredApp, bring_about
from esb.database.registry import Terms
from tests.support.registry import DAY, NOW, ROOT, Registered

MONITOR = DeclaredApp(
    "monitor",
    {DISABLED: False, EXPIRES: NOW + DAY, SETTINGS: {"region": "south"}},
    ["zhang"],
    {"done": "https://monitor.example.com/"},
    {"cc.*": Terms(), "cmsi.*": Terms(NOW, NOW + DAY, "alerts")},
    {("adm*", "*"): Terms(), ("li", "cc.*"): Terms(None, NOW + DAY)},
)


async def brought_about(records: Registered, *apps: DeclaredApp, prune: bool = False) -> list[str]:
    """Return what was done: actions and apps."""
    async with records.writing() as write:
        await bring_about(write, apps, prune=prune)
    return [f"{each.action} {each.app}" for each in write.transaction.recorded]


async def test_what_is_declared_comes_about_once(records: Registered) -> None:
    assert await brought_about(records, MONITOR) == [
        "app.create monitor",
        "owner.add monitor",
        "callback.add monitor",
        *("grant.add monitor", "grant.add monitor"),
        *("impersonation.add monitor", "impersonation.add monitor"),
    ]
    app = await records.app()
    assert (app["expires"], app["settings"], app["owners"]) == ("2027-01-16T08:00:00Z", {"region": "south"}, ["zhang"])
    assert [(each["pattern"], each["until"], each["reason"]) for each in app["grants"]] == [
        ("cc.*", None, ""),
        ("cmsi.*", "2027-01-16T08:00:00Z", "alerts"),
    ]
    assert [(each["users"], each["components"]) for each in app["impersonations"]] == [("adm*", "*"), ("li", "cc.*")]
    assert await brought_about(records, MONITOR) == []
    assert await brought_about(records, MONITOR, prune=True) == []


async def test_pruning_leaves_what_is_declared(records: Registered) -> None:
    await brought_about(records, MONITOR, DeclaredApp("billing", {}))
    done = await brought_about(records, DeclaredApp("monitor", {}, grants={"cc.*": Terms()}), prune=True)
    assert done == [
        "app.set monitor",
        "owner.remove monitor",
        "callback.remove monitor",
        "grant.revoke monitor",
        *("impersonation.revoke monitor", "impersonation.revoke monitor"),
        "app.disable billing",
    ]
    app = await records.app()
    assert [grant["pattern"] for grant in app["grants"]] == ["cc.*"]
    assert app["expires"] == "2027-01-16T08:00:00Z"


async def test_a_try_tells_what_it_would_do_and_does_nothing(records: Registered) -> None:
    async with records.registry.trying(ROOT) as write:
        await bring_about(write, [MONITOR], prune=False)
    assert len(write.transaction.recorded) == 7
    assert await records.history() == []
    assert await records.number() == 0
    async with records.registry.reading() as views:
        assert (await views.apps()).apps == []
