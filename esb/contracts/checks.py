"""The contract of a preflight: checks that a component, a middleware or a service offers to `esb doctor`.

A check looks at one thing, in a few seconds, and sends nothing to anybody. It says what it found: all is well, or the
cause and what to do about it. Those of one part stand in the order in which one needs the other: after the first that
fails, the rest of that part is not tried.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

Result = Literal["ok", "warn", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The end of a check. `cause`: what was seen, if it is worth a word; `fix`: what to do about a warning or failure.

    Both are for operators, in English. Secrets of the configuration and the rest of a URL behind its host are taken out
    of them before anybody reads them; a secret that comes from elsewhere must not be in them.
    """

    result: Result
    cause: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at. `id`: what outsiders know it by, such as "tcp"; `what`: the same in a few words.

    `run` looks. An EsbError that it raises is a failure with that text; any other error one of which only the type is
    told. `part`: what a component has several of, such as hosts; a failure ends the checks of its own part only.
    """

    id: str
    what: str
    run: Callable[[], Awaitable[Finding]]
    part: str = ""
