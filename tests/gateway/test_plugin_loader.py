"""From a stanza to a running plugin, and the mistakes that an operator reads if there is none."""

import importlib
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from esb.config import load
from esb.core.errors import ConfigError, EsbError
from esb.gateway import plugin_loader
from esb.gateway.app import create_app
from esb.plugins.cmsi_send_weixin import SendWeixin
from esb.services.apps.static import StaticApps
from esb.services.users.static import StaticUsers

Mistakes = Callable[..., list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for esb.yaml and plugins beside it; what is imported from it is forgotten afterwards."""
    before, path = set(sys.modules), list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def mistakes(folder: Path) -> Mistakes:
    """The mistakes of a config beside a plugin file `pl.py`; none if it builds."""

    def found(config: str, plugin: str = "") -> list[str]:
        (folder / "pl.py").write_text(plugin)
        (folder / "esb.yaml").write_text(config)
        try:
            create_app(load(folder / "esb.yaml", {}))
        except ConfigError as error:
            return [str(mistake).replace(f"{folder}/", "") for mistake in error.mistakes]
        return []

    return found


def component(use: str, config: str = "") -> str:
    return f"version: 1\ncomponents:\n  - path: /a/b/\n    use: {use!r}\n{config}"


def middleware(use: str) -> str:
    return f"version: 1\nmiddlewares:\n  - use: {use!r}\ncomponents: []\n"


def service(kind: str, use: str) -> str:
    return f"version: 1\nservices:\n  {kind}:\n    use: {use!r}\ncomponents: []\n"


# Names


def test_a_short_name_is_a_file_of_the_built_ins() -> None:
    assert plugin_loader.find("components", "cmsi_send_weixin") is SendWeixin
    assert plugin_loader.find("services", "static", "apps") is StaticApps
    assert plugin_loader.find("services", "static", "users") is StaticUsers
    assert plugin_loader.find("middlewares", "app_auth").__name__ == "AppAuth"


def test_a_path_is_a_class_of_any_module() -> None:
    assert plugin_loader.find("components", "esb.plugins.cmsi_send_weixin:SendWeixin") is SendWeixin


def test_an_entry_point_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("rtx", "esb.plugins.cmsi_send_weixin:SendWeixin", "esb.components")
    installed = EntryPoints([point])
    monkeypatch.setattr(plugin_loader, "entry_points", lambda **chosen: installed.select(**chosen))
    assert plugin_loader.find("components", "rtx") is SendWeixin
    with pytest.raises(plugin_loader.UnknownUse, match=r"unknown plugin 'rtz' \(did you mean 'rtx'\?\)"):
        plugin_loader.find("components", "rtz")
    with pytest.raises(plugin_loader.UnknownUse, match="unknown plugin 'rtx'"):
        plugin_loader.find("middlewares", "rtx")


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (
            "cmsi_send_wexin",
            "unknown plugin 'cmsi_send_wexin' (did you mean 'cmsi_send_weixin'?);"
            " write a built-in name or package.module:Class",
        ),
        ("zzz", "unknown plugin 'zzz'; write a built-in name or package.module:Class"),
        ("_icons", "unknown plugin '_icons'; write a built-in name or package.module:Class"),
        ("cmsi_send_weixin.py", "unknown plugin 'cmsi_send_weixin.py' (did you mean 'cmsi_send_weixin'?);"),
        ("../etc/passwd", "unknown plugin '../etc/passwd'; write"),
        ("no.such.module:Class", "there is no module 'no.such.module'"),
        ("esb.no_such:Class", "there is no module 'esb.no_such'"),
        ("esb.rate:Class", "there is no module 'esb.rate'"),
        ("esb.wechat:Robot", "there is no module 'esb.wechat' (moved to 'esb.channels.wechat:Robot')"),
        ("esb.plugins.http:Http", "module 'esb.plugins.http' has no class 'Http' (moved to"),
        ("pl:Missing", "module 'pl' has no class 'Missing'"),
        ("pl:Rigth", "module 'pl' has no class 'Rigth' (did you mean 'Right'?)"),
        ("pl:", "module 'pl' has no class ''"),
        ("pl:number", "module 'pl' has no class 'number'"),
        (":Right", "':Right' is no package.module:Class"),
        (".pl:Right", "'.pl:Right' is no package.module:Class"),
        ("a..b:Right", "'a..b:Right' is no package.module:Class"),
        ("esb:Component", "'esb:Component': it must define async handle(call, params)"),
        ("esb:Sender", "'esb:Sender': it must define messages(call, params) and async deliver(call, message)"),
        ("pl:Right:Right", "module 'pl' has no class 'Right:Right' (did you mean 'Right'?)"),
    ],
)
def test_a_name_that_leads_nowhere_is_told_with_what_was_meant(mistakes: Mistakes, use: str, told: str) -> None:
    plugin = "import esb\nnumber = 1\nclass Right(esb.Component):\n    async def handle(self, call, params): ...\n"
    (mistake,) = mistakes(component(use), plugin)
    assert mistake.startswith(f"esb.yaml:4: components[0].use: {told}")


# Modules that do not import


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        ("\nimport no_such_thing", "'pl:A' failed to import: it needs the module 'no_such_thing' at pl.py:2"),
        ("from esb import Nothing", "'pl:A' failed to import: ImportError: cannot import name 'Nothing' from 'esb'"),
        (
            "\nimport esb\nclass A(esb.Componnent): ...",
            "'pl:A' failed to import: AttributeError: there is no 'Componnent' (did you mean 'Component'?) at pl.py:3",
        ),
        ("\nclass A(Component): ...", "'pl:A' failed to import: NameError: there is no 'Component' at pl.py:2"),
        ("raise AttributeError('hunter2', name='hunter 2')", "'pl:A' failed to import: AttributeError at pl.py:1"),
        (
            "import esb.proxy.breaker",
            "'pl:A' failed to import: it needs the module 'esb.proxy' at pl.py:1 (moved to 'esb.plugins.http')",
        ),
        (
            "from esb.services import Contact",
            "'pl:A' failed to import: ImportError: cannot import name 'Contact' from 'esb.services' (",
        ),
        ("\n1 / 0", "'pl:A' failed to import: ZeroDivisionError at pl.py:2"),
        ("class A:\n  def", "'pl:A' failed to import: SyntaxError: invalid syntax at pl.py:2"),
        ("import json\n\njson.loads('hunter2')", "'pl:A' failed to import: JSONDecodeError at pl.py:3"),
        ("import sys\nsys.exit(0)", "'pl:A' failed to import: SystemExit at pl.py:2"),
        ("raise KeyError('hunter2')", "'pl:A' failed to import: KeyError at pl.py:1"),
    ],
)
def test_a_module_that_does_not_import_is_a_mistake_that_quotes_nothing(
    mistakes: Mistakes, plugin: str, told: str
) -> None:
    (mistake,) = mistakes(component("pl:A"), plugin)
    assert mistake.startswith(f"esb.yaml:4: components[0].use: {told}")
    assert "hunter2" not in mistake


def test_a_name_that_the_face_lacks_is_told_with_its_line_and_what_was_meant(mistakes: Mistakes) -> None:
    (mistake,) = mistakes(component("pl:A"), "\nfrom esb import Componet")
    assert "ImportError: cannot import name 'Componet' from 'esb'" in mistake
    assert mistake.endswith("(did you mean 'Component'?) at pl.py:2")


def test_a_group_of_errors_is_told_as_the_error_for_callers_in_it() -> None:
    group = ExceptionGroup("several", [ValueError("hunter2"), EsbError("the relay is away")])
    assert plugin_loader.reason(group) == "the relay is away"


# Contracts


COMPONENT = "from esb import Component\nclass A(Component):\n"
SENDER = "from esb import Sender\nclass A(Sender):\n"


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        ("class A: ...", "'pl:A' is no component: it must inherit from esb.Component and define handle(call, params)"),
        (f"{COMPONENT}    pass", "'pl:A': it must define async handle(call, params)"),
        (f"{COMPONENT}    async def handle(self, call): ...", "'pl:A': handle must take (call, params)"),
        (f"{COMPONENT}    handle = None", "'pl:A': handle must be a method"),
        (f"{SENDER}    async def deliver(self, call, message): ...", "'pl:A': it must define messages(call, params)"),
        (f"{SENDER}    def messages(self, call, params): ...", "'pl:A': it must define async deliver(call, message)"),
        (
            f"{SENDER}    async def deliver(self, call, message): ...\n    async def messages(self, call, params): ...",
            "'pl:A': messages must not be async",
        ),
        (
            f"{SENDER}    deliver = None\n    async def messages(self, call, params): yield",
            "'pl:A': messages must not be async",
        ),
        (
            f"{SENDER}    def deliver(self, call, message): ...\n    def messages(self, call, params): ...",
            "'pl:A': deliver must be async",
        ),
        (
            f"{SENDER}    async def deliver(self, message): ...\n    def messages(self, call, params): ...",
            "'pl:A': deliver must take (call, message)",
        ),
        (f"{COMPONENT}    def handle(self, call, params): ...", "'pl:A': handle must be async"),
        (f"{COMPONENT}    async def handle(self, call, params): yield", "'pl:A': handle must be async"),
        (
            f"{COMPONENT}    async def handle(self, call, params): ...\n    def __init__(self): ...",
            "'pl:A': its constructor must take (config, services)",
        ),
        (
            f"{COMPONENT}    async def handle(self, call, params): ...\n    config_type = dict",
            "'pl:A': config_type must be a pydantic model",
        ),
        (
            f"{COMPONENT}    async def handle(self, call, params): ...\n    params_type = None",
            "'pl:A': params_type must be a pydantic model",
        ),
        (
            "from esb import Component, ConfigModel, Params\nclass C(ConfigModel): ...\nclass D(ConfigModel): ...\n"
            "class A(Component[C, Params]):\n    config_type = D\n    async def handle(self, call, params): ...",
            "'pl:A': config_type is D, and the brackets of its base say C",
        ),
        (
            f"{COMPONENT}    async def handle(self, call, params): ...\n"
            "    def __init__(self, config, services):\n        raise ValueError('hunter2')",
            "'pl:A' failed to build: ValueError at pl.py:5",
        ),
        (
            f"import json\n{COMPONENT}    async def handle(self, call, params): ...\n"
            "    def __init__(self, config, services):\n        json.loads('hunter2')",
            "'pl:A' failed to build: JSONDecodeError at pl.py:6",
        ),
    ],
)
def test_a_component_that_breaks_its_contract_is_a_mistake(mistakes: Mistakes, plugin: str, told: str) -> None:
    assert mistakes(component("pl:A"), plugin) == [f"esb.yaml:4: components[0].use: {told}"]


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        ("class A: ...", "'pl:A' is no middleware: it must define async __call__(call, handler)"),
        (
            "class A:\n    def __init__(self, config, services): ...\n    def __call__(self, call, handler): ...",
            "'pl:A' is no middleware: it must define async __call__(call, handler)",
        ),
        (
            "from esb import Middleware\nclass A(Middleware):\n    async def __call__(self, call): ...",
            "'pl:A': __call__ must take (call, handler)",
        ),
        (
            "class A:\n    async def __call__(self, call, handler): ...",
            "'pl:A': its constructor must take (config, services)",
        ),
    ],
)
def test_a_middleware_that_breaks_its_contract_is_a_mistake(mistakes: Mistakes, plugin: str, told: str) -> None:
    assert mistakes(middleware("pl:A"), plugin) == [f"esb.yaml:3: middlewares[0].use: {told}"]


def test_a_middleware_that_only_inherits_the_contract_does_not_keep_it(mistakes: Mistakes) -> None:
    (told,) = mistakes(middleware("pl:A"), "from esb import Middleware\nclass A(Middleware): ...\n")
    assert told.endswith("'pl:A' is no middleware: it must define async __call__(call, handler)")


@pytest.mark.parametrize("name", ["open", "health"])
def test_opening_and_health_are_async(mistakes: Mistakes, name: str) -> None:
    plugin = (
        "from esb import Component\nclass A(Component):\n"
        f"    async def handle(self, call, params): ...\n    def {name}(self): ...\n"
    )
    assert mistakes(component("pl:A"), plugin) == [f"esb.yaml:4: components[0].use: 'pl:A': {name} must be async"]


def test_a_middleware_need_not_have_a_config(mistakes: Mistakes) -> None:
    plugin = (
        "class A:\n    def __init__(self, config, services): ...\n"
        "    async def __call__(self, call, handler): return await handler(call)\n"
    )
    assert mistakes(middleware("pl:A"), plugin) == []
    told = mistakes(middleware("pl:A").replace("components", "    config: {a: 1}\ncomponents"), plugin)
    assert len(told) == 1
    assert told[0].startswith("esb.yaml:4: middlewares[0].config.a: ")


BUILT = "    def __init__(self, config, services): ...\n    async def close(self): ...\n"


@pytest.mark.parametrize(
    ("kind", "plugin", "told"),
    [
        ("apps", f"class A:\n{BUILT}", "it must define async verify, secrets, rights"),
        ("login", f"class A:\n{BUILT}    def username(self, call, bk_token): ...\n", "it must define async username"),
        ("users", f"class A:\n{BUILT}    contacts = None\n", "it must define async contacts"),
        (
            "access_tokens",
            "from esb import Service\nclass A(Service): ...\n",
            "it must define async identity",
        ),
        (
            "users",
            f"from esb import Users\nclass A(Users):\n{BUILT}",
            "it must define async contacts",
        ),
        ("jwt", f"class A:\n{BUILT}", "it must define async identity"),
        (
            "store",
            f"class A:\n{BUILT}",
            "it must define async open, add, put, get, swap, drop, reserve, settle, take, give_back, watch",
        ),
    ],
)
def test_a_back_end_that_breaks_its_contract_is_a_mistake(
    mistakes: Mistakes, kind: str, plugin: str, told: str
) -> None:
    assert mistakes(service(kind, "pl:A"), plugin) == [
        f"esb.yaml:4: services.{kind}.use: 'pl:A' is no back end for services.{kind}: {told}"
    ]


@pytest.mark.parametrize(
    ("kind", "use", "told"),
    [
        ("login", "bk_user", "'bk_user' cannot be used as login"),
        (
            "users",
            "esb.services.apps.static:StaticApps",
            "'esb.services.apps.static:StaticApps' is a back end for services.apps",
        ),
        ("users", "statik", "unknown plugin 'statik' (did you mean 'static'?)"),
        ("apps", "_refusals", "unknown plugin '_refusals'"),
    ],
)
def test_a_back_end_of_something_else_is_a_mistake(mistakes: Mistakes, kind: str, use: str, told: str) -> None:
    (mistake,) = mistakes(service(kind, use))
    assert mistake.startswith(f"esb.yaml:4: services.{kind}.use: {told}")


# All at once


EVERYTHING = """\
version: 1
server: {port: high}
services:
  apps: {use: statik}
  login: {use: static, config: {token: {}}}
middlewares:
  - use: app_auth
    config: {strict: true}
  - use: pl:NoMiddleware
components:
  - path: /a/b/
    use: cmsi_send_wexin
  - path: /a/c/
    use: cmsi_send_weixin
    config:
      wx_type: qx
      wx_proxy: 7
    test_config: {wx_qy_host: 7}
  - path: /a/d/
    use: pl:Broken
    config: {}
"""


def test_every_mistake_of_every_stanza_is_told_at_once_and_located(mistakes: Mistakes) -> None:
    plugin = (
        "from esb import Component\n"
        "class NoMiddleware: ...\n"
        "class Broken(Component):\n"
        "    async def handle(self, call, params): ...\n"
        "    def __init__(self, config, services): raise RuntimeError\n"
    )
    told = mistakes(EVERYTHING, plugin)
    assert [mistake.split(": ", 2)[:2] for mistake in told] == [
        ["esb.yaml:2", "server.port"],
        ["esb.yaml:4", "services.apps.use"],
        ["esb.yaml:5", "services.login.config.token"],
        ["esb.yaml:8", "middlewares[0].config.strict"],
        ["esb.yaml:9", "middlewares[1].use"],
        ["esb.yaml:12", "components[0].use"],
        ["esb.yaml:16", "components[1].config.wx_type"],
        ["esb.yaml:17", "components[1].config.wx_proxy"],
        ["esb.yaml:18", "components[1].test_config.wx_qy_host"],
        ["esb.yaml:20", "components[2].use"],
    ]
    assert "(did you mean 'tokens'?)" in told[2]


def test_a_mistake_of_config_that_its_test_config_repeats_is_told_once(mistakes: Mistakes) -> None:
    config = """\
    config: {wx_type: mp}
    test_config: {wx_app_id: a}
"""
    told = mistakes(component("cmsi_send_weixin", config))
    assert told == list(dict.fromkeys(told))


def test_a_plugin_beside_esb_yaml_is_built(mistakes: Mistakes, folder: Path) -> None:
    package = folder / "channels"
    package.mkdir()
    (package / "rtx.py").write_text(
        "from esb import Component\nclass Rtx(Component):\n    async def handle(self, call, params): return 'sent'\n"
    )
    assert mistakes(component("channels.rtx:Rtx")) == []
    unknown = mistakes(component("channels.rtx:Rtx", "    config: {colour: red}\n"))
    assert len(unknown) == 1
    assert unknown[0].startswith("esb.yaml:5: components[0].config.colour: ")


def test_what_a_constructor_may_say_is_not_the_secret_it_was_given(mistakes: Mistakes) -> None:
    plugin = (
        "from esb import Component, ConfigModel\n"
        "class Config(ConfigModel):\n    secret: str\n"
        "class A(Component):\n    config_type = Config\n"
        "    async def handle(self, call, params): ...\n"
        "    def __init__(self, config, services): raise ValueError(config.secret)\n"
    )
    told: Any = mistakes(component("pl:A", "    config: {secret: hunter2}\n"), plugin)
    assert told == ["esb.yaml:4: components[0].use: 'pl:A' failed to build: ValueError at pl.py:7"]
