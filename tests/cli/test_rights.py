"""The commands about rights: grants, impersonations, and patterns that match nothing."""

from tests.support.registry_commands import Commands


def test_a_grant_is_given_changed_and_revoked(esb: Commands) -> None:
    esb("app", "create", "monitor")
    assert esb("grant", "add", "monitor", "cc.*", "--reason", "alerts").stdout == "monitor may call cc.*\n"
    assert esb("grant", "add", "monitor", "cc.*", "--reason", "alerts").stdout == "monitor may call cc.*, as before\n"
    esb("grant", "add", "monitor", "cc.*", "--reason", "alerts", "--until", "90d")
    (grant,) = esb.json("grant", "list")
    assert (grant["app"], grant["pattern"], grant["reason"]) == ("monitor", "cc.*", "alerts")
    assert grant["until"] is not None
    assert esb("grant", "revoke", "monitor", "cc.*").stdout == "monitor has no longer the right for cc.*\n"
    assert esb.json("grant", "list", "monitor") == []
    assert esb.actions() == ["app.create", "grant.add", "grant.add", "grant.revoke"]


def test_several_grants_are_given_at_once_or_not_at_all(esb: Commands) -> None:
    esb("app", "create", "monitor")
    esb("grant", "add", "monitor", "cc.*", "cmsi.*")
    esb("grant", "revoke", "monitor", "cc.*", "cc.nothing", code=1)
    assert [grant["pattern"] for grant in esb.json("grant", "list")] == ["cc.*", "cmsi.*"]


def test_a_pattern_that_matches_no_component_is_doubted(esb: Commands) -> None:
    esb("app", "create", "monitor")
    doubt = "warning: 'cc.host' matches none of the components that are declared here (did you mean 'cc.hosts'?)\n"
    assert esb("grant", "add", "monitor", "cc.host").stderr == doubt
    assert esb("impersonation", "add", "monitor", "zhang", "--components", "cc.host").stderr == doubt
    for pattern in ("cc.host*", "*", "v2.cmsi.send_sms", "cmsi.send_sms"):
        assert esb("grant", "add", "monitor", pattern).stderr == ""
    assert len(esb.json("grant", "list", "monitor")) == 5


def test_a_pattern_that_takes_away_is_refused(esb: Commands) -> None:
    esb("app", "create", "monitor")
    assert "there are no exceptions" in esb("grant", "add", "monitor", "!cc.*", code=1).stderr


def test_an_impersonation_is_given_and_revoked(esb: Commands) -> None:
    esb("app", "create", "monitor")
    added = esb("impersonation", "add", "monitor", "adm*", "li", "--components", "cc.*", "--until", "90d")
    assert added.stdout.splitlines() == [
        "monitor may call cc.* in the name of adm*",
        "monitor may call cc.* in the name of li",
    ]
    rows = esb.json("impersonation", "list", "monitor")
    assert [(row["users"], row["components"]) for row in rows] == [("adm*", "cc.*"), ("li", "cc.*")]
    esb("impersonation", "revoke", "monitor", "li", code=1)
    esb("impersonation", "revoke", "monitor", "li", "--components", "cc.*")
    assert [row["users"] for row in esb.json("impersonation", "list")] == ["adm*"]
    assert len(esb("impersonation", "list").stdout.splitlines()) == 2


def test_the_rights_of_an_app_that_is_not_there_are_not_none(esb: Commands) -> None:
    esb("app", "create", "monitor")
    for kind in ("grant", "impersonation"):
        assert "there is no app 'montor'" in esb(kind, "list", "montor", code=1).stderr


def test_a_list_in_the_place_of_a_user_is_refused(esb: Commands) -> None:
    esb("app", "create", "monitor")
    for command in (("impersonation", "add", "monitor", "zhang,li"), ("app", "owner", "add", "monitor", "zhang;li")):
        assert "one after the other" in esb(*command, code=1).stderr
    assert esb.actions() == ["app.create"]
