"""The house: its rooms are a closed list, imports follow their order, no circles; files are short, tests mirror it."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import esb
from tests.support.house import BESIDE, ORDER, PLANNED
from tests.support.repository import ROOT

PLUGINS_ALSO_IMPORT = {
    "channels": "the platforms: whom a message is for, how it is sent, whom it reached",
    "core.single_flight": "a bounded fan-out over receivers",
}
"""Rooms that our own plugins share, besides the face and their own private files; each with its reason."""

PROXY_ALSO_IMPORTS = {
    "config": "the form of its stanza",
    "contracts.component": "the answer that leaves HTTP",
    "core": "errors, events and memories of what hosts did",
    "incoming": "parameters read from a body as ingress reads them",
    "outgoing": "streams, and the signature that tells an upstream who calls",
}
"""Rooms that plugins/http needs besides: a proxy hands bytes on, which no other plugin does."""

FOLDERS_ALSO_IMPORT = {
    "plugins.http": PROXY_ALSO_IMPORTS,
    "plugins.alert_webhook": {
        "config.component_paths": "the form of a path, for the component that sends",
        "core.json_codec": "what is left of a webhook, as bytes for a digest",
    },
}
"""Plugins that are folders: besides, a file imports its neighbours."""

LIBRARIES = {
    "aiohappyeyeballs": {"outgoing.engines"},
    # sandbox.receipts: WeChat posts, too; server.connection: its parser's errors; portal.loopback: the console's calls
    "aiohttp": {"client", "outgoing.engines", "portal.loopback", "sandbox.receipts", "server.connection", "testing"},
    "aiohttp.web": {"gateway.app", "incoming", "portal", "sandbox", "server", "testing"},
    "aiosmtpd": {"sandbox.smtp"},
    "aiosmtplib": {"channels.mail"},
    "alembic": {"database"},
    "babel": {"locale"},  # for `make catalogues` only
    "cachetools": {"core.single_flight", "outgoing.jwt_signer", "outgoing.tokens", "store"},
    "click": {"cli"},
    "cryptography": {
        *(
            "channels.wechat.receipts",
            "database.content_cipher",
            "database.keys",
            "outgoing.jwt_signer",
            "sandbox.receipts",
            "services.jwt.bk_jwt",
            "store.encryption",
        ),
    },
    "httptools": {"outgoing.engines"},
    "idna": {"channels.mail.address"},
    "jinja2": {"plugins.alert_webhook.templates", "portal.rendering", "sandbox.pages.rendering"},
    "jwt": {"outgoing.jwt_signer", "services.jwt.bk_jwt"},
    "markupsafe": {"sandbox.pages.rendering"},  # jinja2's own: text that is HTML already
    "multidict": {"incoming", "outgoing", "plugins.http"},
    "multipart": {"incoming.body", "incoming.multipart_form", "plugins.http.remade_body"},
    "opentelemetry": {"telemetry.tracing"},
    "orjson": {"core.json_codec", "sandbox"},
    "phonenumbers": {"channels.tencent.phone"},
    "prometheus_client": {"telemetry.prometheus"},
    "pytest": {"pytest_plugin"},
    "pytest_asyncio": {"pytest_plugin"},
    "redis": {"services.store.redis", "store", "services.engine.saq"},
    "regex": {"channels.cutting"},
    "saq": {"services.engine.saq"},
    "sqlalchemy": {"database"},
    "structlog": {"telemetry.logs"},
    "uvloop": {"server"},
    "watchfiles": {"cli.dev"},
    "yaml": {"config.yaml"},
    "yarl": {"client", "outgoing.engines", "portal.loopback"},
}
"""Library -> the only rooms that know it. pydantic, in which config and parameters are written, is everywhere."""

INSIDE_FUNCTIONS: dict[str, str] = {
    "cli.bkpaas.apply": "the database's libraries, which are extras",
    "client": "aiohttp, for programs with asyncio",
    "channels.cutting": "regex, for long texts in scripts whose characters are made of several",
    "channels.wechat.receipts": "cryptography, for accounts whose events are encrypted",
    "cli.database_access": "SQLAlchemy, for those who have a database",
    "cli.db": "SQLAlchemy and alembic, likewise",
    "cli.delivery": "SQLAlchemy, likewise",
    "cli.apply": "SQLAlchemy, likewise",
    "cli.apply_file": "SQLAlchemy, likewise",
    "cli.registry_access": "SQLAlchemy, likewise",
    "cli.deliver": "all, so that nothing is collected meanwhile",
    "cli.serve": "all, so that nothing is collected meanwhile; the supervisor only if there are workers",
    "config.yaml.scalars": "difflib, for mistakes",
    "gateway.process_delivering": "SQLAlchemy, for those who deliver",
    "gateway.process_database": "SQLAlchemy and a driver, for those who have a database",
    "gateway.process_deliveries": "SQLAlchemy, likewise",
    "introspect.delivery_checks": "SQLAlchemy, likewise",
    "gateway.process_reports": "SQLAlchemy, likewise",
    "gateway.process_keys": "SQLAlchemy, likewise",
    "incoming.unknown_parameters": "difflib, for mistakes",
    "incoming.body": "multipart, for forms: nearly all callers send JSON",
    "incoming.multipart_form": "multipart, likewise",
    "plugins.http.remade_body": "multipart, for forms whose parameters are fixed",
    "plugins.alert_webhook.template_texts": "jinja2, for those who write templates",
    "introspect.database_checks": "SQLAlchemy, likewise",
    "outgoing.jwt_signer": "PyJWT and cryptography, for those who sign",
    "pytest_plugin": "pytest loads it in every run, wherever the gateway is installed",
    "sandbox.pages.routes": "jinja2, without which the sandbox does all but draw pages",
    "sandbox.receipts": "cryptography, for accounts whose events are encrypted",
    "server.admin_deliveries": "SQLAlchemy, for those who have a database",
    "server.health_operation": "SQLAlchemy, likewise",
    "server.admin_registry": "SQLAlchemy, for those who have a database",
    "server.instrumentation": "OpenTelemetry, for those who ask for traces",
    "server.operators": "prometheus_client and jinja2, for those who have an admin listener or a portal",
    "server.recalls": "SQLAlchemy, for those who have a database",
    "server.sandbox": "the sandbox, which production does without, and aiosmtpd, for those who have it",
    "telemetry.logs": "structlog, which colours the lines on a terminal",
}
"""Module -> why it has an import that is not at its top."""

RIDDLES = frozenset({"What", "Whether", "Who", "How", "Where", "When", "Which", "That"})
"""Words that no docstring begins with: a verb in the imperative or a noun says more."""

MODELS = ("Params", "Config", "Model", "_Documented")
"""Ends of the names of pydantic models: OpenAPI and the JSON Schema of esb.yaml show the docstrings of these."""

LINES_OF_A_FILE = 300
LINES_OF_A_FUNCTION = 50

SETTING_UP = ("config", "contracts", "core", "gateway")
"""Rooms that a test of any other room imports, as well as the face, to set up what it tests."""

TESTS_OF_THE_WHOLE = frozenset({"clients", "project", "scenarios"})
"""Folders of tests that belong to no room."""

FOLDER = Path(esb.__file__).parent
TESTS = ROOT / "tests"


def room(path: Path) -> str:
    """Return the module's name below esb; "" for the face."""
    parts = path.relative_to(FOLDER).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


ROOMS = {room(path): path for path in sorted(FOLDER.rglob("*.py"))}


@cache
def trees() -> dict[str, ast.Module]:
    """Return room -> its syntax tree."""
    return {name: ast.parse(path.read_text()) for name, path in ROOMS.items()}


@cache
def files_of_tests() -> dict[Path, ast.Module]:
    """Return path below tests -> its syntax tree, tests/support included."""
    return {path.relative_to(TESTS): ast.parse(path.read_text()) for path in sorted(TESTS.rglob("*.py"))}


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield full names of the imported modules; for `from a import b` it is a.b if that is a module of ours."""
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
    """Return room -> the rooms that it imports."""
    return {name: ours(tree) for name, tree in trees().items()}


def belongs(name: str, package: str) -> bool:
    """Return True if this module is that room, or lies in it."""
    return name == package or (package != "" and name.startswith(f"{package}."))


def step(name: str) -> int:
    """Return the number of the module's step in ORDER, counted from 0."""
    for number, rooms in enumerate(ORDER):
        if any(belongs(name, package) for package in rooms):
            return number
    pytest.fail(f"esb.{name} stands in no room of the house: see ORDER")


def in_house(name: str) -> bool:
    return not any(belongs(name, package) for package in BESIDE)


HOUSE = sorted(name for name in ROOMS if in_house(name))


def test_these_tests_read_the_whole_house() -> None:
    assert {"", "cli.main", "incoming.ingress", "plugins.cmsi_send_weixin", "services.apps.static"} <= set(ROOMS)
    assert imports()["gateway.app"] >= {"config", "gateway.generation", "incoming.ingress"}
    read = {Path("conftest.py"), Path("support/gateway.py"), Path("channels/wechat/test_account.py")}
    assert read <= set(files_of_tests())


def test_the_rooms_are_a_closed_list() -> None:
    there = {name.partition(".")[0] for name in ROOMS}
    planned = {package for rooms in ORDER for package in rooms} | set(BESIDE) | PLANNED
    assert there <= planned, "a new room: give it a place in ORDER, or a better place to what is in it"
    assert planned - there <= PLANNED, "a room that is gone"
    assert len(there - {"", "__main__", "_face", "_version", "pytest_plugin", "locale"}) <= 22


def test_imports_follow_the_order() -> None:
    up = {(name, other) for name in HOUSE for other in imports()[name] if in_house(other) and step(other) > step(name)}
    assert up == set()


def test_what_stands_beside_the_house_imports_nothing_of_it() -> None:
    for package, importers in BESIDE.items():
        for name, others in imports().items():
            if belongs(name, package):
                assert {other for other in others if not belongs(other, package)} == set(), name
            elif any(belongs(other, package) for other in others):
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
        and not any(belongs(other, package) for package in PLUGINS_ALSO_IMPORT)
        and not any(
            belongs(name, plugin) and any(belongs(other, package) for package in (plugin, *also))
            for plugin, also in FOLDERS_ALSO_IMPORT.items()
        )
    }
    assert others == set()


def test_no_plugin_imports_another() -> None:
    for name in ROOMS:
        if name.startswith("plugins."):
            own = ".".join(name.split(".")[:2])
            others = {other for other in imports()[name] if other.startswith("plugins.") and "._" not in other}
            assert {other for other in others if not belongs(other, own)} == set()


def test_each_library_is_known_in_its_own_rooms_only() -> None:
    for name, library in ((name, library) for name, tree in trees().items() for library in imported(tree)):
        if library.startswith("aiohttp") and library != "aiohttp.web":
            library = "aiohttp"  # its client
        top = library if library == "aiohttp.web" else library.partition(".")[0]
        if top in sys.stdlib_module_names or top in {"esb", "pydantic", "pydantic_core"}:
            continue
        assert top in LIBRARIES, f"a new library: {top}"
        assert any(belongs(name, package) for package in LIBRARIES[top]), f"{top} in esb.{name}"


def late(tree: ast.AST) -> set[str]:
    """Return the functions and classes with an import inside."""
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


def docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield all docstrings, those of variables too; not those of models, which are texts for callers and operators."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith(MODELS) for base in node.bases):
            continue
        body = getattr(node, "body", None)
        for part in body if isinstance(body, list) else ():
            match part:
                case ast.Expr(value=ast.Constant(value=str()) as text):
                    yield text


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    riddles = [
        f"{ROOMS[name]}:{each.lineno}"
        for name, tree in trees().items()
        for each in docstrings(tree)
        if re.split(r"\W", str(each.value), maxsplit=1)[0] in RIDDLES
    ]
    assert riddles == []


def test_no_room_is_a_lumber_room() -> None:
    words = {part for name in ROOMS for part in name.replace("_", ".").split(".")}
    assert not words & {"util", "utils", "helper", "helpers", "manager", "common", "misc", "base2"}


def test_files_and_functions_are_short() -> None:
    long = set()
    for name, tree in trees().items():
        if len(ROOMS[name].read_text().splitlines()) > LINES_OF_A_FILE and not belongs(name, "locale"):
            long.add(name)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                if node.end_lineno - node.lineno >= LINES_OF_A_FUNCTION:
                    long.add(f"{name}.{node.name}")
    assert long == set()


def test_a_test_lies_in_the_folder_of_what_it_tests() -> None:
    """Each folder of tests mirrors one of esb; a test that imports more than SETTING_UP imports from its own folder."""
    for path, tree in files_of_tests().items():
        package = ".".join(path.parent.parts)
        if not path.name.startswith("test_") or package in TESTS_OF_THE_WHOLE:
            continue
        assert package, f"{path} lies in no folder"
        assert (FOLDER / path.parent).is_dir(), f"{path} mirrors no folder of esb"
        tested = {name for name in ours(tree) if name and not any(belongs(name, room) for room in SETTING_UP)}
        if tested:
            assert any(belongs(name, package) for name in ours(tree)), f"{path} tests {sorted(tested)}"


def test_no_test_imports_another_nor_a_conftest() -> None:
    for path, tree in files_of_tests().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                inside = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                for name in (inside + alias.name for alias in node.names):
                    parts = name.split(".")
                    wrong = parts[0] == "tests" and any(part == "conftest" or part[:5] == "test_" for part in parts)
                    assert not wrong, f"{path} imports {name}: what tests share lies in tests/support"


def test_conftest_files_hold_fixtures_hooks_and_constants_only() -> None:
    for path, tree in files_of_tests().items():
        if path.name != "conftest.py":
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
                fixture = any(each.startswith(("pytest.fixture", "pytest_asyncio.fixture")) for each in decorators)
                assert fixture or node.name.startswith("pytest_"), f"{node.name} in {path}: a place in tests/support"
            elif isinstance(node, ast.Assign):
                assert all(ast.unparse(target).isupper() for target in node.targets), f"line {node.lineno} of {path}"
            else:  # the docstring, and importorskip
                assert isinstance(node, ast.Import | ast.ImportFrom | ast.Expr), f"line {node.lineno} of {path}"
