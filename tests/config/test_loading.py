import os
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from esb.config import ComponentStanza, Config, ConfigSource, Sandbox, SandboxAddress, Server, load, loading
from esb.core.errors import ConfigError
from tests.support.repository import BAD_CONFIGS, BAD_ENVIRON

BAD = BAD_CONFIGS
ENVIRON = BAD_ENVIRON

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "esb.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def clean(path: Path, environ: Mapping[str, str] | None = None, sandbox_url: str | None = None) -> Config:
    config = load(path, environ or {}, sandbox_url=sandbox_url)
    assert config.mistakes == []
    return config


def component(write: Write, stanza: str) -> ComponentStanza:
    (only,) = clean(write(f"version: 1\ncomponents: [{{{stanza}}}]\n")).components
    return only


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.yaml")))
def test_every_mistake_is_told_with_its_place(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some are found when all is built: those are behind `esb check` alone, tests/cli/test_check_files.py."""
    monkeypatch.chdir(BAD)
    expected = Path(f"{name}.txt").read_text(encoding="utf-8").splitlines()

    mistakes = [str(mistake) for mistake in load(f"{name}.yaml", ENVIRON).mistakes]

    assert mistakes == [line for line in expected if line in mistakes]
    assert expected


def test_no_mistake_shows_what_came_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    for path in BAD.glob("*.yaml"):
        told = "\n".join(str(mistake) for mistake in load(path.name, ENVIRON).mistakes)

        assert ENVIRON["PASSWORD"] not in told


def test_a_file_that_is_not_there_is_a_mistake_on_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"

    config = load(path, {})

    assert [str(mistake) for mistake in config.mistakes] == [
        f"{path}:1: file: cannot be read: No such file or directory"
    ]
    assert config.components == ()
    assert config.server == Server()


def test_what_is_left_out_has_defaults(write: Write) -> None:
    path = write("version: 1\ncomponents: []\n")

    config = clean(path)

    assert config.path == path
    assert config.folder == path.parent
    assert config.server == Server(
        host="127.0.0.1",
        port=8080,
        max_body=10485760,
        shutdown_grace=30.0,
        trusted_proxies=(),
        max_in_flight=5000,
        max_connections=None,
        max_buffered=268435456,
        timezone=None,
        max_per_target=5000,
    )
    assert config.sandbox is None
    assert config.services == {}
    assert config.middlewares is None
    assert config.components == ()


def test_null_is_left_out(write: Write) -> None:
    config = clean(
        write(
            "version: 1\nserver:\nsandbox:\nservices: {jwt: }\nmiddlewares:\ninclude:\n"
            "components: [{path: /a/b/, use: x, config: , test_config: }]\n"
        )
    )

    assert (config.server, config.sandbox, config.services, config.middlewares) == (Server(), None, {}, None)
    assert config.components[0].config.value == {}
    assert config.components[0].test_config is None


def test_an_empty_chain_is_not_the_default_chain(write: Write) -> None:
    assert clean(write("version: 1\nmiddlewares: []\ncomponents: []\n")).middlewares == ()


def test_the_server_and_the_sandbox(write: Write) -> None:
    config = clean(
        write(
            "version: 1\nsandbox: {}\ncomponents: []\n"
            'server: {host: "::1", port: 0, shutdown_grace: 5, trusted_proxies: [127.0.0.1, "fd00::/8"]}\n'
        )
    )

    assert config.server.trusted_proxies == (ip_network("127.0.0.1/32"), ip_network("fd00::/8"))
    assert (config.server.host, config.server.port, config.server.shutdown_grace) == ("::1", 0, 5.0)
    assert config.sandbox == Sandbox(port=8089)


def test_services_and_middlewares_are_stanzas(write: Write) -> None:
    config = clean(
        write(
            "version: 1\n"
            "services:\n"
            "  login: {use: bk_login, config: {url: http://login}}\n"
            "  store: {use: memory}\n"
            "middlewares:\n"
            "  - use: app_auth\n"
            "  - {use: user_auth, config: {cookie: null}}\n"
            "components: []\n"
        )
    )

    assert {name: stanza.use for name, stanza in config.services.items()} == {"login": "bk_login", "store": "memory"}
    assert config.services["login"].config.value == {"url": "http://login"}
    assert str(config.services["store"].section.mistake("unknown plugin", "use")) == (
        f"{config.path}:4: services.store.use: unknown plugin"
    )
    assert config.middlewares is not None
    assert [stanza.use for stanza in config.middlewares] == ["app_auth", "user_auth"]
    assert config.middlewares[1].config.value == {"cookie": None}


def test_a_component_has_defaults(write: Write) -> None:
    stanza = component(write, "path: /cmsi/send_weixin, use: cmsi_send_weixin")

    assert stanza.path == "/cmsi/send_weixin/"
    assert (stanza.aliases, stanza.methods, stanza.timeout) == ((), ("GET", "POST"), 30.0)
    assert (stanza.active, stanza.test_config, stanza.max_body) == (True, None, None)
    assert stanza.config.value == {}


def test_a_component_with_everything(write: Write) -> None:
    stanza = component(
        write,
        'path: "/a/{id}/", aliases: ["/v2/a/{id}"], methods: [post, PUT, post], use: x, timeout: 2, active: false, '
        "config: {a: 1}, test_config: {a: 2}, max_body: 99",
    )

    assert stanza.aliases == ("/v2/a/{id}/",)
    assert stanza.methods == ("POST", "PUT")
    assert (stanza.timeout, stanza.active, stanza.max_body) == (2.0, False, 99)
    assert stanza.config.value == {"a": 1}
    assert stanza.test_config is not None
    assert stanza.test_config.value == {"a": 2}


def test_an_empty_test_config_is_not_a_missing_one(write: Write) -> None:
    stanza = component(write, "path: /a/b/, use: x, test_config: {}")

    assert stanza.test_config is not None
    assert stanza.test_config.value == {}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/cmsi/send_weixin/", "cmsi.send_weixin"),
        ("/v2/cmsi/send_weixin/", "cmsi.send_weixin"),
        ("/v2/sops/start_task/{id}/{key}/", "sops.start_task"),
        ("/cc/hosts/{id}/find/", "cc.find"),
        ("/v2/", "v2.v2"),
        ("/ping/", "ping.ping"),
        ("/vision/v2/see/", "vision.see"),
    ],
)
def test_the_name_of_a_component_is_its_system_and_its_last_word(write: Write, path: str, name: str) -> None:
    assert component(write, f"path: '{path}', use: x").name == name


def test_paths_may_share_what_their_methods_or_words_tell_apart(write: Write) -> None:
    config = clean(
        write(
            "version: 1\ncomponents:\n"
            "  - {path: /a/b/, methods: [GET], use: x}\n"
            "  - {path: /a/b/, methods: [POST], use: x}\n"
            "  - {path: '/a/{b}/', use: x}\n"
            "  - {path: '/a/{b}/c/', use: x}\n"
        )
    )

    assert len(config.components) == 4


def test_a_stanza_with_a_mistake_is_there_for_the_others_to_check(write: Write) -> None:
    config = load(
        write(
            "version: 9\nserver: {port: x, max_body: 7}\n"
            "components: [{path: a, use: x, timeout: soon, config: {b: 1}}]\n"
        ),
        {},
    )

    assert [mistake.key for mistake in config.mistakes] == [
        "version",
        "server.port",
        "components[0].timeout",
        "components[0].path",
    ]
    assert config.server.max_body == 7
    assert config.components[0].config.value == {"b": 1}


def test_included_components_come_behind_in_the_order_of_their_names(write: Write) -> None:
    write("components: [{path: /b/b/, use: x}]\n", "components/b.yaml")
    write("version: 1\ncomponents: [{path: /a/a/, use: x}, {path: /a/z/, use: x}]\n", "components/a.yaml")
    path = write(
        "version: 1\ninclude: [components/b*.yaml, components/*.yaml]\ncomponents: [{path: /main/c/, use: x}]\n"
    )

    assert [stanza.path for stanza in clean(path).components] == ["/main/c/", "/b/b/", "/a/a/", "/a/z/"]


def test_a_mistake_in_an_included_file_is_located_there_as_reached(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("components:\n  - path: /b/b/\n    us: x\n", "conf/components/b.yaml")
    write("version: 1\ninclude: [components/b.yaml]\n", "conf/esb.yaml")
    monkeypatch.chdir(tmp_path)

    assert [str(mistake) for mistake in load("conf/esb.yaml", {}).mistakes] == [
        "conf/components/b.yaml:3: components[0].us: unknown key (did you mean 'use'?)",
    ]


def test_a_pattern_that_matches_esb_yaml_itself_does_not_read_it_again(write: Write) -> None:
    write("components: [{path: /b/b/, use: x}]\n", "more.yaml")

    assert len(clean(write("version: 1\ninclude: ['*.yaml']\n")).components) == 1


def test_what_is_included_and_cannot_be_read_is_told(write: Write, tmp_path: Path) -> None:
    """A link that leads to itself, one that leads nowhere, a folder, and what would be waited for without end."""
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "circle").symlink_to("circle")
    (tmp_path / "c" / "folder").mkdir()
    os.mkfifo(tmp_path / "c" / "pipe")
    path = write("version: 1\ninclude:\n  - c/*\n  - /dev/zero\n")
    assert [str(mistake).replace(f"{tmp_path}/", "") for mistake in load(path, {}).mistakes] == [
        "esb.yaml:3: include[0]: c/pipe is no file",
        "esb.yaml:4: include[1]: /dev/zero is no file",
        "c/circle:1: file: cannot be read: Too many levels of symbolic links",
        "c/folder:1: file: cannot be read: Is a directory",
    ]


def test_a_file_without_end_is_not_read_to_its_end(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MAX_FILE", 20)
    (mistake,) = load(write("version: 1\n# and so on, and so on\n"), {}).mistakes
    assert mistake.text == "cannot be read: over 20 bytes"


def test_a_relative_secret_file_lies_beside_the_file_that_names_it(write: Write) -> None:
    write("components: [{path: /b/b/, use: x, config: {key: '${file:key.txt}'}}]\n", "components/b.yaml")
    write("inner\n", "components/key.txt")
    write("outer\n", "key.txt")
    path = write(
        "version: 1\ninclude: [components/*.yaml]\n"
        "components: [{path: /a/a/, use: x, config: {key: '${file:key.txt}'}}]\n"
    )

    assert [stanza.config.value for stanza in clean(path).components] == [{"key": "outer"}, {"key": "inner"}]


@pytest.mark.parametrize(
    ("sandbox", "given", "url"),
    [
        ("sandbox: {port: 18089}", None, "http://127.0.0.1:18089"),
        ("sandbox: {}", None, "http://127.0.0.1:8089"),
        ("sandbox: {port: '${ONE}'}", None, "http://127.0.0.1:1"),
        ("sandbox: {port: 0}", "http://127.0.0.1:54321", "http://127.0.0.1:54321"),
        ("", "http://127.0.0.1:54321", "http://127.0.0.1:54321"),
    ],
)
def test_the_url_of_the_sandbox(write: Write, sandbox: str, given: str | None, url: str) -> None:
    path = write(f"version: 1\n{sandbox}\ncomponents: [{{path: /a/b/, use: x, config: {{host: '${{sandbox}}/x'}}}}]\n")

    assert clean(path, ENVIRON, given).components[0].config.value == {"host": f"{url}/x"}


@pytest.mark.parametrize(("smtp_port", "promised"), [("2525", 2525), ("0", 8025)])
def test_the_port_where_the_sandbox_takes_mails(write: Write, smtp_port: str, promised: int) -> None:
    path = write(
        f"version: 1\nsandbox: {{smtp_port: {smtp_port}}}\n"
        "components: [{path: /a/b/, use: x, config: {port: '${sandbox_smtp_port}'}}]\n"
    )

    assert clean(path).components[0].config.value == {"port": str(promised)}
    resolved = ConfigSource(path, {}).resolve(sandbox=SandboxAddress("http://127.0.0.1:1", 4321))
    assert resolved.components[0].config.value == {"port": "4321"}


def test_a_mistake_in_the_sandbox_does_not_spread_to_those_who_use_it(write: Write) -> None:
    path = write("version: 1\nsandbox: {port: x}\ncomponents: [{path: /a/b/, use: x, config: {host: '${sandbox}'}}]\n")

    assert [mistake.key for mistake in load(path, {}).mistakes] == ["sandbox.port"]


def test_whole_parts_may_come_from_the_environment(write: Write) -> None:
    path = write(
        "version: 1\nserver: ${SERVER}\nservices: ${SERVICES}\nmiddlewares: ${CHAIN}\ninclude: ${INCLUDE}\n"
        "components: ${COMPONENTS}\n"
    )
    write("components: [{path: /b/b/, use: x, methods: '${METHODS}', config: '${CONFIG}'}]\n", "more.yaml")

    config = clean(
        path,
        {
            "SERVER": "{port: 0}",
            "SERVICES": '{"login": {"use": "static"}}',
            "CHAIN": "[{use: app_auth}]",
            "INCLUDE": "[more.yaml]",
            "COMPONENTS": "[{path: /a/b/, use: x, timeout: 3}]",
            "METHODS": "[PUT]",
            "CONFIG": '{"a": [1]}',
        },
    )

    assert config.server.port == 0
    assert [*config.services] == ["login"]
    assert config.middlewares is not None
    assert config.middlewares[0].use == "app_auth"
    assert [stanza.methods for stanza in config.components] == [("GET", "POST"), ("PUT",)]
    assert config.components[1].config.value == {"a": [1]}


def test_a_whole_part_from_the_environment_shows_nothing_in_its_mistakes(write: Write) -> None:
    path = write("version: 1\nservices:\n  login: ${LOGIN}\ncomponents: []\n")

    mistakes = load(path, {"LOGIN": '{"use": "static", "config": {}, "secret-key": "hunter22"}'}).mistakes

    assert [str(mistake) for mistake in mistakes] == [f"{path}:3: services.login: unknown key; known keys: use, config"]


def test_the_environment_of_the_process_is_the_default(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESB_TEST_PORT", "18080")

    assert load(write("version: 1\nserver: {port: '${ESB_TEST_PORT}'}\ncomponents: []\n")).server.port == 18080


def test_a_config_cannot_be_changed(write: Write) -> None:
    config = clean(write("version: 1\ncomponents: [{path: /a/b/, use: x}]\nservices: {login: {use: x}}\n"))

    with pytest.raises(FrozenInstanceError):
        config.components[0].use = "y"  # type: ignore[misc] # that is the point
    with pytest.raises(ValidationError):
        config.server.port = 1  # type: ignore[misc] # that is the point
    with pytest.raises(TypeError):
        config.services["jwt"] = config.services["login"]  # type: ignore[index] # that is the point


def test_what_a_config_holds_is_not_in_its_repr(write: Write) -> None:
    path = write("version: 1\ncomponents: [{path: /a/b/, use: x, config: {key: '${PASSWORD}'}}]\n")

    assert ENVIRON["PASSWORD"] not in repr(clean(path, ENVIRON))


def test_a_plugin_whose_config_hangs_on_an_unset_variable_adds_no_mistake(write: Write) -> None:
    config = load(write("version: 1\ncomponents: [{path: /a/b/, use: x, config: '${NOT_SET}'}]\n"), {})

    with pytest.raises(ConfigError) as caught:
        config.components[0].config.validate(Server)

    assert caught.value.mistakes == ()
    assert [mistake.key for mistake in config.mistakes] == ["components[0].config"]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\r\ncomponents: []\r\n")

    clean(path)


def test_files_are_read_once_however_often_they_are_resolved(write: Write) -> None:
    write("components: [{path: /a/more/, use: x, config: {url: '${sandbox}'}}]\n", "more.yaml")
    path = write("version: 1\nsandbox: {port: 0}\ninclude: [more.yaml]\ncomponents: [{path: /a/b/, use: x, prot: 1}]\n")
    source = ConfigSource(path, {})
    first = source.resolve()
    for name in ("esb.yaml", "more.yaml"):
        write("broken: [", name)

    second = source.resolve(sandbox=SandboxAddress("http://127.0.0.1:4321"))

    assert [config.components[1].config.value["url"] for config in (first, second)] == [
        "http://127.0.0.1:8089",
        "http://127.0.0.1:4321",
    ]
    assert first.mistakes == second.mistakes
    assert [mistake.key for mistake in second.mistakes] == ["components[0].prot"]
    assert second.files == first.files
    assert load(path, {}).mistakes != first.mistakes
