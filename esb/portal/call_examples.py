"""A call of a component, ready to paste: for a shell, for Python, for BlueKing's SDK. Credentials are the shell's.

Who is calling stands in the variables that `esb call` reads, too: ESB_APP_CODE, ESB_APP_SECRET, ESB_USERNAME.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from keyword import iskeyword
from shlex import quote as quoted
from textwrap import indent
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from esb.config.component_paths import ROOT, TOKEN_VARIABLE
from esb.contracts.component import Reply
from esb.introspect.caller_contract import AUTHORIZATION, DRY_RUN
from esb.introspect.declared import Declared
from esb.introspect.examples import request_example
from esb.portal.console_sample import Sample
from esb.portal.loopback import GatewayRequest
from esb.portal.shell import curl, variable, word

IN_QUERY = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
"""Methods whose parameters these examples put in the query."""
VARIABLE = re.compile(r"\{([^{}]+)\}")
SAFE = "/{}:@,=+"
"""Characters of a path that stay as they are, and those around a variable."""
USUAL = {"bk_app_code": "my_app", "bk_username": "admin"}
CONTINUED = " \\\n  "
CALLER = {name: variable(f"ESB_{name.removeprefix('bk_')}") for name in ("bk_app_code", "bk_app_secret", "bk_username")}
INDENT = " " * 4
V2 = f"{ROOT}/v2/"
SPARE = 5
"""Seconds for which a caller waits longer than the component takes at most."""
CODE, SECRET, USER = (f'os.environ["ESB_{name}"]' for name in ("APP_CODE", "APP_SECRET", "USERNAME"))
SDK_IMPORT = "from bkapi_component.open.shortcuts import get_client_by_username"
SDK_CORE_IMPORTS = """\
from bkapi_client_core.esb import ESBClient, Operation, OperationGroup, bind_property
from bkapi_client_core.esb.django_helper import get_client_by_username"""
SDK_KNOWS = {
    "cmsi/get_msg_type": "GET",
    **dict.fromkeys(("cmsi/send_mail", "cmsi/send_msg", "cmsi/send_sms", "cmsi/send_voice_msg"), "POST"),
    "cmsi/send_weixin": "POST",
}
"""Components that are methods of BlueKing's SDK, and how it calls them."""


class Snippet(NamedTuple):
    """Lines to paste. `title`: the program that reads them."""

    name: str
    title: str
    text: str


@dataclass(frozen=True)
class CallExample:
    """A call of a component at a gateway; parameters are an example of what it takes, if none are given."""

    declared: Declared
    gateway: str
    """The public listener's URL, as callers reach it."""
    dry_run: bool = True
    """True to ask for a dry run, where the component knows one."""
    given: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def method(self) -> str:
        methods = self.declared.stanza.methods
        return "POST" if "POST" in methods else methods[0]

    @property
    def params(self) -> Mapping[str, Any]:
        return request_example(self.declared) if self.given is None else self.given

    @property
    def is_dry(self) -> bool:
        return self.dry_run and self.declared.component.sends

    def snippets(self) -> Iterator[Snippet]:
        """Yield it in each language in which it can be said."""
        yield Snippet("curl", "curl", self.curl())
        declared = self.declared
        if declared.uploads or declared.variables or not declared.takes_credentials:
            return
        is_raw = declared.component.answer_type is Reply
        if self.method == "POST" and not is_raw:
            yield Snippet("client", "Python: esb.client", self.client())
        yield Snippet("requests", "Python: requests", self.requests())
        if not is_raw and _is_word(declared.system) and _is_word(declared.name):
            yield Snippet("sdk", "BlueKing SDK (Django)", self.sdk())

    def curl(self) -> str:
        """Return it for a POSIX shell."""
        headers = {}
        if self.declared.takes_credentials:
            headers[AUTHORIZATION.name] = json.dumps(CALLER, ensure_ascii=False)
        if self.is_dry:
            headers[DRY_RUN.name] = "1"
        if self.declared.uploads:
            files = [f"-F {word(f'{name}=@FILE')}" for name in sorted(self.declared.uploads)]
            fields = [f"-F {word(f'{name}={_plain(value)}')}" for name, value in self.params.items()]
            return CONTINUED.join([curl(GatewayRequest(self.method, self._url(), headers)), *files, *fields])
        if self.method in IN_QUERY:
            query = urlencode({name: _plain(value) for name, value in self.params.items()})
            return curl(GatewayRequest(self.method, f"{self._url()}{'?' if query else ''}{query}", headers))
        body = json.dumps(self.params, ensure_ascii=False, indent=2).encode()
        return curl(GatewayRequest(self.method, self._url(), {**headers, "Content-Type": "application/json"}, body))

    def client(self) -> str:
        """Return it for esb.client."""
        kind = "send" if self.declared.component.sends else "call"
        component = self.declared.paths[0].removeprefix(ROOT).strip("/")
        dry = ["dry_run=True"] if self.is_dry else []
        params = self._python_params() or (["{}"] if kind == "send" else [])
        call = _called(f"answer = client.{kind}", [_python(component), *params, *dry])
        shown = "answer.data" if kind == "call" or self.is_dry else "answer.accepted, answer.msgids"
        client = _called("Client", [_python(self.gateway), CODE, SECRET, f"bk_username={USER}"])
        body = indent(f"{call}\nprint({shown})", INDENT)
        return f"import os\n\nfrom esb.client import Client\n\nwith {client} as client:\n{body}\n"

    def requests(self) -> str:
        """Return it for requests."""
        dry = f', "{DRY_RUN.name}": "1"' if self.is_dry else ""
        caller = _lines("{", (f'"bk_app_code": {CODE}', f'"bk_app_secret": {SECRET}', f'"bk_username": {USER}'), "}")
        arguments = [
            _python(self.method),
            _python(self._url()),
            f'headers={{"{AUTHORIZATION.name}": json.dumps(caller){dry}}}',
            *self._python_params("params=" if self.method in IN_QUERY else "json="),
            f"timeout={self.declared.stanza.timeout + SPARE:g}",
        ]
        shown = "answer.status_code, answer.content" if self._is_raw else "answer.json()"
        call = _called("answer = requests.request", arguments)
        return f"import json\nimport os\n\nimport requests\n\ncaller = {caller}\n{call}\nprint({shown})\n"

    def sdk(self) -> str:
        """Return it for bkapi-component-open, or for its core where the SDK has no such component."""
        system, name = self.declared.system, self.declared.name
        given = self._python_params("params=" if self.method in IN_QUERY else "")
        dry = [f'headers={{"{DRY_RUN.name}": "1"}}'] if self.is_dry else []
        call = f"{_called(f'answer = client.{system}.{name}', [*given, *dry])}\nprint(answer)\n"
        caller = [USER, f"endpoint={_python(self.gateway)}", f"bk_app_code={CODE}", f"bk_app_secret={SECRET}"]
        if SDK_KNOWS.get(f"{system}/{name}") in self.declared.stanza.methods:
            version = "" if any(path.startswith(V2) for path in self.declared.paths) else 'client.set_bk_api_ver("")\n'
            client = _called("client = get_client_by_username", caller)
            return f"import os\n\n{SDK_IMPORT}\n\n{client}\n{version}{call}"
        client = _called("client = get_client_by_username", ["Client", *caller])
        bound = f'name="{name}", method="{self.method}", path={_python(self.declared.paths[0])}'
        return (
            f"import os\n\n{SDK_CORE_IMPORTS}\n\n\n"
            f"class System(OperationGroup):\n    {name} = bind_property(Operation, {bound})\n\n\n"
            f'class Client(ESBClient):\n    {system} = bind_property(System, name="{system}")\n\n\n'
            f"{client}\n{call}"
        )

    @property
    def _is_raw(self) -> bool:
        return self.declared.component.answer_type is Reply

    def _url(self) -> str:
        """Return the address; variables of the path, and a token in it, are the shell's."""
        path = quote(self.declared.paths[0], safe=SAFE)
        return self.gateway.rstrip("/") + VARIABLE.sub(self._in_the_environment, path)

    def _in_the_environment(self, name: re.Match[str]) -> str:
        is_token = self.declared.stanza.tokens and name[1] == TOKEN_VARIABLE
        return variable("ESB_TOKEN" if is_token else name[1])

    def _python_params(self, before: str = "") -> list[str]:
        """Return the parameters as an argument, [] if there are none."""
        return [f"{before}{_python(self.params)}"] if self.params else []


def exports(first: Sample) -> str:
    """Return what a shell is told once: the app and the user of a first try, or some to be replaced."""
    code, user = (quoted(first.caller.get(name, usual)) for name, usual in USUAL.items())
    return f"export ESB_APP_CODE={code} ESB_USERNAME={user}\nread -rs ESB_APP_SECRET && export ESB_APP_SECRET"


def _is_word(name: str) -> bool:
    return name.isidentifier() and not iskeyword(name)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _python(value: Any) -> str:
    """Return a value of JSON as a literal of Python, a line for each item."""
    if isinstance(value, Mapping) and value:
        return _lines("{", (f"{_python(str(key))}: {_python(part)}" for key, part in value.items()), "}")
    if isinstance(value, list | tuple) and value:
        return _lines("[", map(_python, value), "]")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _lines(before: str, items: Iterable[str], after: str) -> str:
    return "\n".join([before, *(indent(f"{each},", INDENT) for each in items), after])


def _called(function: str, arguments: Sequence[str]) -> str:
    """Return the line of code that calls a function with these arguments."""
    return _lines(f"{function}(", arguments, ")") if arguments else f"{function}()"
