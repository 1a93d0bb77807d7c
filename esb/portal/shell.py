"""A request as a line for the shell, with variables in the place of its secrets."""

import re
import shlex

from esb.portal.loopback import GatewayRequest

OPEN, CLOSE = "\ue000", "\ue001"
"""Characters of no script, which hold the name of a variable in a text that becomes a word of the shell."""
_VARIABLE = re.compile(r"(?:\ue000|\\ue000|%EE%80%80)([A-Z][A-Z0-9_]*)(?:\ue001|\\ue001|%EE%80%81)")
"""A variable as it stands in a text, in JSON, and in a URL."""


def variable(name: str) -> str:
    """Return what stands for a secret of this name, in a text that becomes a word of the shell."""
    return f"{OPEN}{re.sub('[^A-Z0-9_]', '_', name.upper())}{CLOSE}"


def curl(request: GatewayRequest) -> str:
    """Return the command that sends this request."""
    method = {"GET": "", "HEAD": "--head "}.get(request.method, f"-X {request.method} ")
    lines = [f"curl {method}{word(request.url)}"]
    lines += [f"-H {word(f'{name}: {value}')}" for name, value in request.headers.items()]
    if request.body is not None:
        lines.append(f"-d {word(request.body.decode())}")
    return " \\\n  ".join(lines)


def word(text: str) -> str:
    """Return a text as one word of the shell, whatever is in it; the variables in it are filled in by the shell."""
    pieces = _VARIABLE.split(text)
    quoted = [f'"${piece}"' if index % 2 else shlex.quote(piece) for index, piece in enumerate(pieces)]
    return "".join(piece for piece in quoted if piece != "''") or "''"
