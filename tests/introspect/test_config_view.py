"""The configuration as operators see it: all that it says, no secret, nobody's mail address or phone number."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import Field, Secret, SecretStr

from esb.config import Config, ConfigModel, load
from esb.config.schema import Server
from esb.contracts.lifecycle import NoConfig
from esb.gateway import plugin_loader
from esb.gateway.plugin_loader import PROTOCOLS, built_in, find
from esb.introspect import config_view
from tests.support.certificates import Authority, pem
from tests.support.secret_cases import MARK

GROUPS = [("components", ""), ("middlewares", ""), *(("services", service) for service in PROTOCOLS)]
BUILT_IN = [(group, service, name) for group, service in GROUPS for name in sorted(built_in(group, service))]
WALLED = f"http://user:{MARK}@127.0.0.1:9/api/{MARK}/x?sig={MARK}#{MARK}"
BASE = f"http://user:{MARK}@127.0.0.1:9/api/{MARK}/x"
WECOM = {
    "wx_qy_corpid": "ww0000000000000001",
    "wx_qy_corpsecret": MARK,
    "wx_qy_agentid": 1000002,
    "wx_qy_host": BASE,
    "wx_proxy": f"http://user:{MARK}@127.0.0.1:9",
}
TEMPLATE_KEYS = {"heading": "first", "message": "keyword1", "date": "keyword2", "remark": "remark"}
OFFICIAL_ACCOUNT = {
    "wx_app_id": "wx0000000000000001",
    "wx_secret": MARK,
    "wx_callback_token": MARK,
    "wx_encoding_aes_key": f"{MARK:k<43}",
    "wx_template_id": "T",
    "wx_template_keys": TEMPLATE_KEYS,
    "wx_mp_host": BASE,
    "wx_proxy": f"http://user:{MARK}@127.0.0.1:9",
}
TENCENT = {
    "tencent_secret_id": MARK,
    "tencent_secret_key": MARK,
    "tencent_region": "ap-guangzhou",
    "tencent_host": f"user:{MARK}@127.0.0.1/hook/{MARK}",
    "sdk_app_id": "1400000000",
    "template_id": "1",
    "dest_url": WALLED,
}
Shown = tuple[str | int, ...]


@dataclass
class Files:
    """Keys and files that some settings need to be valid, and that must not be shown."""

    key: str
    public: str
    certificate: str
    authority: str
    fernet: str


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("keys")
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    authority = Authority(folder)
    return Files(
        pem(key), public.decode(), str(authority.issue("own")), str(authority.ca), Fernet.generate_key().decode()
    )


def configs(files: Files) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Return a config of each built-in with every key that takes a text; MARK stands wherever a secret may."""
    grants = [{"components": ["*"], "until": "2999-12-31"}]
    rights: dict[str, Any] = {
        "code": "app",
        "impersonate": ["*"],
        "components": ["*"],
        "expires": "2999-12-31",
        "grants": grants,
    }
    rights |= {"owners": ["anna"], "callbacks": {"done": f"https://app.example/{MARK}"}}
    remote = {"url": BASE, "app_code": "app", "app_secret": MARK}
    return {
        ("services", "apps", "chain"): {"backends": [{"use": "bk_auth", "config": {**remote, "apps": [rights]}}]},
        ("components", "", "alert_webhook"): {
            "to": "/cmsi/send_weixin/",
            "params": {"receiver": "zhangsan", "wx_qy_corpsecret": MARK, "dest_url": WALLED},
            "title": "{{ title }}",
            "content": "{{ content }}",
            "routes": [{"match": {"a": "b", "c": ["d"]}, "to": "/cmsi/send_sms/", "title": "T", "content": "C"}],
            "format": "json",
            "language": "en",
        },
        ("components", "", "cmsi_send_mail"): {
            "smtp_host": "127.0.0.1",
            "smtp_user": "esb",
            "smtp_pwd": MARK,
            "smtp_usetls": True,
            "smtp_ca": files.authority,
            "smtp_helo": "gateway.example.com",
            "mail_sender": "esb@example.com",
            "dest_url": WALLED,
        },
        ("components", "", "cmsi_send_mp_weixin"): OFFICIAL_ACCOUNT,
        ("components", "", "cmsi_send_qy_weixin"): WECOM,
        ("components", "", "cmsi_send_weixin"): {"wx_type": "qy", **WECOM, **OFFICIAL_ACCOUNT},
        ("components", "", "cmsi_send_sms"): {**TENCENT, "sms_sign": "S"},
        ("components", "", "cmsi_send_voice_msg"): TENCENT,
        ("components", "", "cmsi_send_wecom_robot"): {
            "webhook_key": MARK,
            "robots": {"ops": MARK},
            "wx_qy_host": BASE,
            "wx_proxy": f"http://user:{MARK}@127.0.0.1:9",
        },
        ("components", "", "http"): {
            "hosts": [f"http://127.0.0.1:9/{MARK}", f"http://127.0.0.1:9/hook/{MARK}/x"],
            "path": f"/bot{MARK}/{{a}}/send",
            "method": "POST",
            "headers": {"X-Any": MARK},
            "params": {"any": MARK},
            "defaults": dict.fromkeys(("sig", "sign", "signature", "auth", "access", "access_token", "apikey"), MARK),
            "username_param": "user",
            "identity": "jwt",
            "jwt_private_key": files.key,
            "tls": {
                "ca": files.authority,
                "cert": files.certificate,
                "key": files.certificate,
                "passphrase": MARK,
                "server_name": "upstream.example.com",
            },
            "message": {"code": "bk_error_code", "message": "bk_error_msg"},
        },
        ("middlewares", "", "rate_limit"): {"default": [{"tokens": 1}], "apps": {"app": [{"tokens": 1}]}},
        ("middlewares", "", "user_auth"): {"cookie": "bk_token"},
        ("services", "apps", "bk_auth"): {**remote, "apps": [rights], "include": ["more.yaml"]},
        ("services", "apps", "static"): {"apps": [{**rights, "secrets": [MARK, MARK]}], "include": ["more.yaml"]},
        ("services", "login", "bk_login"): {"url": BASE, "app_code": "app", "app_token": MARK},
        ("services", "login", "static"): {"tokens": {MARK: "admin"}},
        ("services", "users", "bk_user"): {"url": BASE, "headers": {"X-Any": MARK}, "jwt_private_key": files.key},
        ("services", "users", "static"): {
            "users": [
                {
                    "username": "admin",
                    "wx_userid": "admin",
                    "email": f"{MARK}@example.com",
                    "telephone": f"138{MARK}",
                    "country_code": "86",
                    "addresses": {"feishu_id": "ou_1"},
                }
            ]
        },
        ("services", "access_tokens", "bk_ssm"): remote,
        ("services", "jwt", "bk_jwt"): {"public_key": files.public},
        ("services", "store", "redis"): {
            "url": f"redis://user:{MARK}@127.0.0.1:9/0",
            "prefix": "esb:",
            "encryption_keys": [files.fernet],
        },
        ("services", "engine", "saq"): {"url": f"redis://user:{MARK}@127.0.0.1:9/0", "queue": "esb"},
    }


def loaded(folder: Path, built_in: tuple[str, str, str], settings: Any, **environ: str) -> Config:
    """Return a configuration in which this built-in has these settings, which are right."""
    group, service, name = built_in
    stanza = {"use": name, "config": settings}
    document: dict[str, Any] = {"version": 1, "components": []}
    if service == "engine":
        keys = [Fernet.generate_key().decode()]
        document["services"] = {"database": {"url": "postgresql://127.0.0.1/esb", "encryption_keys": keys}}
        document["deliveries"] = {"engine": stanza}
    elif group == "services":
        document["services"] = {service: stanza}
    elif group == "middlewares":
        document["middlewares"] = [stanza]
    else:
        document["components"] = [{"path": "/a/b/", **stanza, "test_config": settings}]
    (folder / "esb.yaml").write_text(json.dumps(document))
    (folder / "more.yaml").write_text("apps: []")
    config = load(folder / "esb.yaml", environ)
    assert config.mistakes == []
    plugin_loader.configured(group, stanza_of(config, built_in), service)  # raises if they are not: then all is hidden
    return config


def stanza_of(config: Config, built_in: tuple[str, str, str]) -> Any:
    group, service, _ = built_in
    if service == "engine":
        return config.delivery_engine
    stanzas = {"services": config.services.get(service), "middlewares": config.middlewares or (None,)}
    return config.components[0] if group == "components" else stanzas[group] if service else stanzas[group][0]  # type: ignore[index]


def shown_of(config: Config, built_in: tuple[str, str, str]) -> list[Any]:
    """Return what is shown of its settings, once for each place where they stand."""
    group, service, _ = built_in
    view = config_view.rendered(config)
    shown = view["deliveries"] if service == "engine" else view[group]
    stanza = shown[service] if service else shown[0]
    return [stanza["config"], *([stanza["test_config"]] if group == "components" else [])]


def texts(value: Any, place: Shown = ()) -> Iterator[Shown]:
    """Yield the places of all texts in a value."""
    if isinstance(value, str):
        yield place
    for key, part in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from texts(part, (*place, key))


@pytest.mark.parametrize("name", BUILT_IN, ids=" ".join)
def test_no_secret_in_any_key_of_any_built_in_is_shown(
    tmp_path: Path, files: Files, name: tuple[str, str, str]
) -> None:
    settings = configs(files).get(name, {})
    config = loaded(tmp_path, name, settings)
    shown = json.dumps([config_view.rendered(config), config_view.components(config)])
    for secret in (MARK, "PRIVATE KEY", *files.key.splitlines()[1:3], files.fernet):
        assert secret not in shown
    assert "***" not in shown_of(config, name)  # as a whole, which would hide secrets without knowing them


@pytest.mark.parametrize("name", BUILT_IN, ids=" ".join)
def test_whatever_comes_from_outside_is_hidden_in_every_key_of_every_built_in(
    tmp_path: Path, files: Files, name: tuple[str, str, str]
) -> None:
    settings = configs(files).get(name, {})
    places = [place for place in texts(settings) if place[-1] != "use"]  # which names what is there, as everywhere
    environ = {f"V{number}": at(settings, place) for number, place in enumerate(places)}
    config = loaded(tmp_path, name, referring(settings, places), **environ)
    for shown in shown_of(config, name):
        for place in places:
            assert "***" in list(way(shown, place)), place


@pytest.mark.parametrize("name", BUILT_IN, ids=" ".join)
def test_every_key_that_takes_a_text_is_tried(files: Files, name: tuple[str, str, str]) -> None:
    group, service, use = name
    model = getattr(find(group, use, service), "config_type", NoConfig)
    tried = {
        tuple("*" if isinstance(key, int) else key for key in place) for place in texts(configs(files).get(name, {}))
    }
    for wanted in taking_text(model.model_json_schema()):
        assert any(matches(wanted, place) for place in tried), wanted


def at(value: Any, place: Shown) -> Any:
    for key in place:
        value = value[key]
    return value


def referring(settings: Any, places: list[Shown]) -> Any:
    """Return the settings with a variable in each of these places."""
    copied = json.loads(json.dumps(settings))
    for number, place in enumerate(places):
        at(copied, place[:-1])[place[-1]] = f"${{V{number}}}"
    return copied


def way(shown: Any, place: Shown) -> Iterator[Any]:
    """Yield what stands at each step to this place, as far as it is shown; what is hidden has no parts."""
    for key in place:
        yield shown
        if shown == "***":
            return
        key = "***" if isinstance(shown, Mapping) and key not in shown else key
        shown = shown[key]
    yield shown


def taking_text(schema: Any, root: Any = None, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the places in a model that take any text; * is every item, and every key of a mapping."""
    root = root or schema
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "string" and not {"enum", "const"} & schema.keys():
        yield place
    for name, part in schema.get("properties", {}).items():
        yield from taking_text(part, root, (*place, name))
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from taking_text(schema[key], root, (*place, "*"))
    for part in schema.get("anyOf", ()):
        yield from taking_text(part, root, place)


def matches(wanted: tuple[str, ...], place: tuple[str, ...]) -> bool:
    return len(wanted) == len(place) and all(one in {"*", other} for one, other in zip(wanted, place, strict=True))


# Every form of a secret


class Part(ConfigModel):
    """A part with a secret that looks like nothing."""

    shadow: SecretStr
    pin: Secret[str]
    unprinted: str = Field(repr=False)


class Nested(ConfigModel):
    """Secrets at every depth."""

    listed: list[dict[str, Part]]
    either: SecretStr | int
    renamed: SecretStr = Field(validation_alias="other_name")
    short: SecretStr


class NestedMiddleware:
    """A middleware with secrets at every depth."""

    config_type = Nested

    def __init__(self, config: Nested, services: Any) -> None: ...

    async def __call__(self, call: Any, handler: Any) -> Any:
        return await handler(call)


def test_a_secret_is_hidden_at_every_depth_and_under_every_name(tmp_path: Path) -> None:
    part = {"shadow": f"{MARK}-1", "pin": f"{MARK}-2", "unprinted": f"{MARK}-3"}
    settings = {"listed": [{"a": part}], "either": f"{MARK}-4", "other_name": f"{MARK}-5", "short": "abc"}
    name = ("middlewares", "", f"{__name__}:NestedMiddleware")
    assert shown_of(loaded(tmp_path, name, settings), name) == [
        {
            "listed": [{"a": {"shadow": "***", "pin": "***", "unprinted": "***"}}],
            "either": "***",
            "other_name": "***",
            "short": "***",
        }
    ]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("http://h:8000", "http://h:8000"),
        (
            "http://h/api/v2/send_message/get-all/index.php/{name}/",
            "http://h/api/v2/send_message/get-all/index.php/{name}/",
        ),
        ("https://hooks.example.com/services/T0A/B0B/x9", "https://hooks.example.com/services/***/***/***"),
        ("https://h/bot123:abc/send", "https://h/***/send"),
        (f"https://h/{'a' * 16}/", "https://h/***/"),
        ("https://h/%61bc", "https://h/***"),
        ("https://h/send?key=x", "https://h/send?***"),
        ("https://h/#x", "https://h/#***"),
        ("https://u:p/w?x#y@h/send", "https://***@h/send"),
        ("h:8000/A1/x", "h:8000/***/x"),
        ("u:p@h", "***@h"),
    ],
)
def test_of_an_address_only_host_and_plain_words_are_shown(tmp_path: Path, written: str, shown: str) -> None:
    settings = {"hosts": ["http://h"], "path": "/", "defaults": {"base_url": written}}
    name = ("components", "", "http")
    assert [each["defaults"]["base_url"] for each in shown_of(loaded(tmp_path, name, settings), name)] == [shown] * 2


def test_tokens_of_the_admin_listener_are_not_shown(tmp_path: Path) -> None:
    digest = "0123456789abcdef" * 4
    (tmp_path / "esb.yaml").write_text(
        "version: 1\ncomponents: []\n"
        f"server: {{admin: {{port: 9090, read: token, tokens: [{{name: ops, digest: 'sha256:{digest}'}}]}}}}\n"
    )
    config = load(tmp_path / "esb.yaml", {})
    assert config.mistakes == []
    assert config_view.rendered(config)["server"]["admin"] == {
        "host": "127.0.0.1",
        "port": 9090,
        "unix": None,
        "hosts": [],
        "tokens": "***",
        "read": "token",
    }


def test_settings_of_an_app_are_shown_without_what_looks_like_a_secret(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(
        "version: 1\nservices:\n  apps:\n    use: static\n    config:\n      apps:\n"
        "        - code: a\n          secrets: [s3cr3t-of-a]\n"
        "          settings: {signature_name: Acme, token: t0k3n-of-a, hook: 'https://x/t0k3n-of-a', "
        "deep: {api_key: 7}, from_outside: '${SET}'}\n"
        "components: []\n"
    )
    config = load(tmp_path / "esb.yaml", {"SET": "outside"})
    view = config_view.rendered(config)
    (app,) = view["services"]["apps"]["config"]["apps"]
    assert app["settings"] == {
        "signature_name": "Acme",
        "token": "***",
        "hook": "https://x/***",
        "deep": {"api_key": "***"},
        "from_outside": "***",
    }
    assert config_view.service(config, "apps") == view["services"]["apps"]
    assert config_view.service(config, "users") is None


class ServerWithSecret(Server):
    """The gateway's own keys, as if one of them were a secret that looks like nothing."""

    shadow: SecretStr


def test_a_secret_among_the_gateways_own_keys_is_hidden_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(f"version: 1\ncomponents: []\nserver: {{shadow: {MARK}}}\n")
    config = load(tmp_path / "esb.yaml", {})
    shown = config_view.rendered(replace(config, server=ServerWithSecret(shadow=SecretStr(MARK))))
    assert shown["server"]["shadow"] == "***"


def test_the_chain_of_a_component_is_shown_with_its_settings(tmp_path: Path) -> None:
    limits = {"default": [{"minutes": 7, "tokens": 1}]}
    (tmp_path / "esb.yaml").write_text(
        json.dumps(
            {
                "version": 1,
                "components": [
                    {
                        "path": "/a/b/",
                        "use": "http",
                        "middlewares": [{"use": "rate_limit", "config": limits}],
                        "config": {"hosts": ["http://h"], "path": "/"},
                    }
                ],
            }
        )
    )
    (shown,) = config_view.rendered(load(tmp_path / "esb.yaml", {}))["components"]
    (middleware,) = shown["middlewares"]
    assert (middleware["use"], middleware["config"]) == ("rate_limit", limits)


def test_a_configuration_without_a_chain_has_the_default_one(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text("version: 1\ncomponents: []\n")
    assert config_view.rendered(load(tmp_path / "esb.yaml", {}))["middlewares"] == "default"


def test_deliveries_and_the_ledger_are_shown_with_their_defaults(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\ncomponents: []\ndeliveries: {concurrency: 7}\nledger: {sync: 'on'}\n")
    view = config_view.rendered(load(path, {}))
    assert (view["deliveries"]["concurrency"], view["deliveries"]["run"]) == (7, "here")
    assert view["deliveries"]["engine"] == {"use": "embedded", "config": {}}
    assert (view["ledger"]["sync"], view["ledger"]["rows"]) == ("on", "30d")


def test_a_database_is_shown_without_its_address_and_keys(tmp_path: Path) -> None:
    key = Fernet.generate_key().decode()
    path = tmp_path / "esb.yaml"
    database = f'{{url: "mysql://esb:{MARK}@db/esb", encryption_keys: ["{key}"]}}'
    path.write_text(f"version: 1\nservices:\n  database: {database}\ncomponents: []\n")
    view = config_view.rendered(load(path, {}))
    assert view["services"]["database"] == {"url": "***", "encryption_keys": "***"}
    assert MARK not in json.dumps(view)
    assert key not in json.dumps(view)
