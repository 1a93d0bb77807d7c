"""The floors of the house: imports go down, each library has its rooms, and nothing imports in a circle."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import esb

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"__main__", "cli", "demo", "importing", "confapis", "stanzas", "serving", "reloading", "logs", "notify"})
    | frozenset({"library_log"})
    | frozenset(
        {
            "admin",
            "commands",
            "describing",
            "disclosure",
            "pytest_plugin",
            "testing",
            "exposition",
            "metrics",
            "telemetry",
            "tracing",
        }
    )
    | frozenset({"processes", "workers"}),
    frozenset({"app"}),
    frozenset({"generation", "lasting", "reimport", "sharing"}),
    frozenset(
        {"registry", "ingress", "answers", "arrival", "response", "routes", "envelope", "parameters", "credentials"}
    )
    | frozenset({"forwarding", "endpoint", "idempotency", "replay"}),
    frozenset({"plugins", "middlewares", "signature"}),
    frozenset({""}),  # the face: esb/__init__.py
    frozenset({"component"}),
    frozenset({"services", "wechat", "channels", "gateway_jwt", "proxy"}),
    frozenset({"fleet_tokens", "token", "token_budget"})
    | frozenset({"tokens", "outgoing", "middleware", "config", "document", "flight", "interpolation"})
    | frozenset({"addresses", "lanes", "translation", "unpacking", "urls"}),
    frozenset({"store"}),
    frozenset(
        {"errors", "clock", "fields", "call", "observe", "codec", "deadline", "hangup", "occupancy", "redaction"}
        | {"globs", "recent"}
    ),
)
"""Modules and packages of esb, the top floor first. A room imports from its own floor or from below."""

BESIDE = {"sandbox": frozenset({"serving"})}
"""What stands beside the house and imports nothing of it -> who imports it."""

PLUGINS_ALSO_IMPORT = {
    "channels": "whom a message is for and whom it reached; mail, phone numbers, relays and clouds",
    "flight": "a bounded fan-out over receivers",
    "proxy": "what a reverse proxy knows: hosts, headers, paths, breaker",
    "wechat": "the WeChat protocols",
}
"""Rooms that our own plugins share, besides the face and their own private files; and why each is one."""

LIBRARIES = {
    "aiohttp": {"outgoing.aiohttp_engine", "outgoing.connecting", "outgoing.prompt_request", "testing"},
    "aiohttp.web": {"admin", "answers", "arrival", "app", "ingress", "response", "serving"}
    | {"sandbox", "telemetry", "testing"},
    "aiosmtplib": {"channels.smtp", "channels.smtp_sending"},
    "babel": {"locale"},  # for `make catalogues` only
    "cachetools": {"flight", "gateway_jwt", "store.copies", "store.memory", "tokens"},
    "click": {"cli", "commands", "importing"},
    "aiohappyeyeballs": {"outgoing.connecting"},
    "cryptography": {"gateway_jwt", "services.bk_jwt", "store.seal"},
    "httptools": {"outgoing.connection"},
    "jwt": {"gateway_jwt", "services.bk_jwt"},
    "multidict": {"answers", "arrival", "forwarding", "ingress", "outgoing", "proxy", "response"},
    "multipart": {"parameters"},
    "pytest": {"pytest_plugin"},
    "pytest_asyncio": {"pytest_plugin"},
    "opentelemetry": {"tracing"},
    "orjson": {"codec", "sandbox"},
    "prometheus_client": {"exposition"},
    "redis": {"services.redis", "store.link", "store.redis"},
    "structlog": {"logs"},
    "uvloop": {"serving"},
    "watchfiles": {"commands.dev"},
    "yaml": {"document"},
    "yarl": {"outgoing.aiohttp_engine", "outgoing.origins"},
}
"""Library -> the only rooms that know it. pydantic, in which config and parameters are written, is everywhere."""

INSIDE_FUNCTIONS: dict[str, str] = {
    "commands.serve": "all, so that nothing is collected meanwhile; the supervisor only if there are workers",
    "document.words": "difflib, for mistakes",
    "gateway_jwt": "PyJWT and cryptography, for those who sign",
    "logs": "structlog, which colours the lines on a terminal",
    "parameters": "multipart, for forms: nearly all callers send JSON",
    "pytest_plugin": "pytest loads it in every run, wherever the gateway is installed",
    "serving": "the WeChat sandbox, which production does without",
    "telemetry": "prometheus_client and OpenTelemetry, for those who ask for metrics and traces",
}
"""Module -> why it has an import that is not at its top."""

FOLDER = Path(esb.__file__).parent


def room(path: Path) -> str:
    """The module's name below esb; "" for the face."""
    parts = path.relative_to(FOLDER).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


ROOMS = {room(path): path for path in sorted(FOLDER.rglob("*.py"))}


@cache
def trees() -> dict[str, ast.Module]:
    """What stands in each room."""
    return {name: ast.parse(path.read_text()) for name, path in ROOMS.items()}


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of the modules that are imported; for `from a import b` it is a.b if that is a module of ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                ours = inner.removeprefix("esb.") in ROOMS
                yield inner if ours or inner == "aiohttp.web" else node.module


def ours(tree: ast.AST) -> set[str]:
    return {
        name.removeprefix("esb").removeprefix(".") for name in imported(tree) if name == "esb" or name[:4] == "esb."
    }


@cache
def imports() -> dict[str, set[str]]:
    """Room -> the rooms that it imports."""
    return {name: ours(tree) for name, tree in trees().items()}


def belongs(name: str, place: str) -> bool:
    """Whether this module is the place, or lies in that package."""
    return name == place or (place != "" and name.startswith(f"{place}."))


def floor(name: str) -> int:
    """Counted from the top."""
    for number, rooms in enumerate(FLOORS):
        if any(belongs(name, place) for place in rooms):
            return number
    pytest.fail(f"esb.{name} has no floor: give it one at the top of this file")


def in_house(name: str) -> bool:
    return not any(belongs(name, place) for place in BESIDE)


HOUSE = sorted(name for name in ROOMS if in_house(name))


def test_these_tests_read_the_whole_house() -> None:
    assert {"", "cli", "ingress", "plugins.cmsi_send_weixin", "services.static", "sandbox.server"} <= set(ROOMS)
    assert imports()["app"] >= {"config", "generation", "ingress"}


def test_every_room_of_the_table_exists() -> None:
    rooms = {place for rooms in FLOORS for place in rooms} | set(BESIDE) | set(PLUGINS_ALSO_IMPORT)
    assert {place for place in rooms if place not in ROOMS} == set()


def test_imports_go_down_only() -> None:
    up = {
        (name, other) for name in HOUSE for other in imports()[name] if in_house(other) and floor(other) < floor(name)
    }
    assert up == set()


def test_what_stands_beside_the_house_imports_nothing_of_it() -> None:
    for place, importers in BESIDE.items():
        for name, others in imports().items():
            if belongs(name, place):
                assert {other for other in others if not belongs(other, place)} == set(), name
            elif any(belongs(other, place) for other in others):
                assert name in importers


def test_nothing_imports_in_a_circle() -> None:
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for other in sorted(imports().get(name, set())):
                visit(other, (*way, name))
            done.add(name)

    for name in ROOMS:
        visit(name, ())


def test_a_plugin_imports_the_face_and_little_else() -> None:
    others = {
        (name, other)
        for name in ROOMS
        if name.startswith("plugins.")
        for other in imports()[name]
        if other != ""
        and not other.startswith("plugins._")
        and not any(belongs(other, place) for place in PLUGINS_ALSO_IMPORT)
    }
    assert others == set()


def test_no_plugin_imports_another() -> None:
    for name in ROOMS:
        if name.startswith("plugins."):
            assert not any(other.startswith("plugins.") and "._" not in other for other in imports()[name])


def test_each_library_is_known_in_its_own_rooms_only() -> None:
    for name, library in ((name, library) for name, tree in trees().items() for library in imported(tree)):
        if library.startswith("aiohttp") and library != "aiohttp.web":
            library = "aiohttp"  # its client
        top = library if library == "aiohttp.web" else library.partition(".")[0]
        if top in sys.stdlib_module_names or top in {"esb", "pydantic", "pydantic_core"}:
            continue
        assert top in LIBRARIES, f"a new library: {top}"
        assert any(belongs(name, place) for place in LIBRARIES[top]), f"{top} in esb.{name}"


def late(tree: ast.AST) -> set[str]:
    """Functions and classes with an import inside."""
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }


def test_imports_stand_at_the_top() -> None:
    assert {name for name, tree in trees().items() if late(tree)} == set(INSIDE_FUNCTIONS)


def test_every_module_says_in_a_sentence_what_it_is() -> None:
    for name, tree in trees().items():
        documentation = ast.get_docstring(tree)
        assert documentation is not None, name
        assert documentation.splitlines()[0].endswith((".", ":")), name


def test_no_room_is_a_lumber_room() -> None:
    words = {part for name in ROOMS for part in name.replace("_", ".").split(".")}
    assert not words & {"util", "utils", "helper", "helpers", "manager", "common", "misc", "base2"}
