"""Random configurations and random questions about them, for `esb explain` and for real calls alike."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

APPS = ("a", "b", "c")
USERS = ("admin", "admin", "adele", "adele", "bob", "bob", " bob", "")
COMPONENTS = ("/cc/search/", "/v2/cc/hosts/", "/cmsi/send/", "/cmsi/vault/", "/hook/in/{token}/")
NAMES = ("cc.search", "cc.hosts", "cmsi.send", "cmsi.vault", "hook.in")
PATTERNS = (*NAMES, "*", "cc.*", "cmsi.*", "v2.cc.hosts", "v?.cc.*", "c*.s*", "hook.*", "nobody.*")
KNOWN = 0.95
"""The share of questions about what the configuration has."""
GLOBS = ("*", "adm*", "a*", "bob", "?ob", "nobody")
BEHIND = ("user_auth", "permission", "rate_limit", "tests.support.components:Passing")
SECONDS = (-7200, -60, 0, 30, 600, 86_400)
"""Ends of rights, counted from the beginning; time goes on from there."""


@dataclass(frozen=True, slots=True)
class Case:
    """A call, for real or asked about. `good`: whoever logs in brings a login state that is somebody's."""

    app: str
    component: str
    path: str
    user: str
    by: str
    test_env: bool
    good: bool
    later: int
    """Seconds from now of the moment that is asked about; 0: now."""


def configuration(random: Random, now: float) -> dict[str, Any]:
    """Return a configuration without mistakes, as esb.yaml would say it."""
    shared = _chain(random)
    apps = [_app(random, code, now) for code in _some(random, APPS, 1)]
    components = [_component(random, path, shared) for path in _some(random, COMPONENTS, 2)]
    chains = [shared, *(stanza["middlewares"] for stanza in components if "middlewares" in stanza)]
    if not any(link["use"] == "permission" for chain in chains for link in chain):
        for app in apps:  # nobody would read its rights, which is a mistake
            app.pop("components", None)
            app.pop("grants", None)
    return {
        "version": 1,
        "services": {
            "apps": {"use": "static", "config": {"apps": apps}},
            "login": {"use": "static", "config": {"tokens": {"login-of-bob": "bob"}}},
        },
        "middlewares": shared,
        "components": components,
    }


def case(random: Random, config: Mapping[str, Any]) -> Case:
    """Return a question about this configuration, seldom about what it does not know."""
    paths = [stanza["path"] for stanza in config["components"]]
    path = random.choice(paths if random.random() < KNOWN else COMPONENTS)
    codes = [app["code"] for app in config["services"]["apps"]["config"]["apps"]]
    return Case(
        app=random.choice(codes if random.random() < KNOWN else APPS),
        component=NAMES[COMPONENTS.index(path)],
        path=path,
        user=random.choice(USERS),
        by=random.choice(("bk_username", "bk_username", "bk_username", "bk_token")),
        test_env=random.random() < 0.15,
        good=random.random() < 0.5,
        later=random.choice((0, 0, 0, 0, 0, 45)),
    )


def request_of(case: Case) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Return path, headers and body of the real call, by an app that proves who it is."""
    claims = {"bk_app_code": case.app, "bk_app_secret": f"secret-of-{case.app}"}
    if case.by == "bk_token":
        claims["bk_token"] = "login-of-bob" if case.good else "login-of-nobody"
    elif case.user:
        claims["bk_username"] = case.user
    headers = {"X-Use-Test-Env": "1"} if case.test_env else {}
    path = case.path.replace("{token}", f"token-of-{case.app}-{'0' * 24}")
    by_header = case.good and path == case.path  # one way is as good as the other; but not beside a token
    if by_header:
        headers["X-Bkapi-Authorization"] = json.dumps(claims)
    return path, headers, {} if by_header else claims


def _some(random: Random, known: tuple[str, ...], least: int) -> list[str]:
    return random.sample(known, random.randint(least, len(known)))


def _app(random: Random, code: str, now: float) -> dict[str, Any]:
    app: dict[str, Any] = {"code": code, "secrets": ["another-one", f"secret-of-{code}"]}
    if random.random() < 0.8:
        app["impersonate"] = _some(random, GLOBS, 1)
    if random.random() < 0.6:
        app["components"] = random.sample(PATTERNS, random.randint(0, 8))
    if random.random() < 0.5:
        app["grants"] = [_grant(random, now) for _ in range(random.randint(0, 3))]
    if random.random() < 0.2:
        app["expires"] = _moment(random, now)
    if random.random() < 0.1:
        app["disabled"] = True
    return app


def _grant(random: Random, now: float) -> dict[str, Any]:
    grant: dict[str, Any] = {"components": random.sample(PATTERNS, random.randint(1, 3))}
    return grant | ({"until": _moment(random, now)} if random.random() < 0.7 else {})


def _moment(random: Random, now: float) -> str:
    return datetime.fromtimestamp(now + random.choice(SECONDS), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _chain(random: Random) -> list[dict[str, Any]]:
    behind = [*BEHIND[:3]]
    random.shuffle(behind)
    uses = ["app_auth", *(use for use in behind if random.random() < 0.9)]
    if random.random() < 0.05:
        uses = []  # for everybody: what stands behind app_auth cannot stand without it
    if random.random() < 0.1:
        uses.insert(random.randint(0, len(uses)), BEHIND[3])
    return [{"use": use} | ({"config": _limits(random)} if use == "rate_limit" else {}) for use in uses]


def _limits(random: Random) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if random.random() < 0.7:
        limits["default"] = [{"tokens": random.randint(1, 4), "minutes": random.choice((1, 1, 3))}]
    if random.random() < 0.5:
        rules = [{"tokens": random.randint(1, 3)}, {"tokens": random.randint(1, 6), "minutes": 5}]
        limits["apps"] = {random.choice(APPS): random.sample(rules, random.randint(0, 2))}
    return limits


def _component(random: Random, path: str, shared: list[dict[str, Any]]) -> dict[str, Any]:
    kind = random.choice(("Echo", "Environment"))
    stanza: dict[str, Any] = {"path": path, "use": f"tests.support.components:{kind}"}
    chain = shared
    if random.random() < 0.2:
        chain = stanza["middlewares"] = _chain(random)
    uses = {link["use"] for link in chain}
    if random.random() < 0.06:
        stanza["active"] = False
    if random.random() < 0.3 and "permission" in uses:
        stanza["restricted"] = True
    if random.random() < 0.4:
        stanza["test_config"] = {}
    if "{token}" in path:
        if "app_auth" not in uses:
            chain = stanza["middlewares"] = [{"use": "app_auth"}, {"use": "permission"}]
        stanza["tokens"] = [{"app": app, "token": f"token-of-{app}-{'0' * 24}"} for app in _some(random, APPS, 1)]
    return stanza
