"""The configuration that is read from esb.yaml."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from esb.config.component_keys import PathToken
from esb.config.component_paths import name_of
from esb.config.database import DatabaseConfig
from esb.config.deliveries import DeliveriesConfig, LedgerConfig
from esb.config.interpolation import FileState
from esb.config.sandbox import Sandbox
from esb.config.schema import Server
from esb.config.yaml import Section
from esb.core.errors import Mistake

_COMPONENT = re.compile(r"^components\[\d+\]\.config\.")


@dataclass(frozen=True, slots=True)
class Stanza:
    """Anything that can be replaced: which class, and its configuration."""

    use: str
    config: Section
    section: Section
    backends: tuple["Stanza", ...] = field(default=(), kw_only=True)
    """The stanzas in its config, of services.apps with `use: chain`."""

    @property
    def asked(self) -> tuple["Stanza", ...]:
        """Those of them that ask no others, in their order; itself if it has none."""
        return tuple(leaf for each in self.backends for leaf in each.asked) if self.backends else (self,)


@dataclass(frozen=True, slots=True)
class ComponentStanza(Stanza):
    """A component, and the paths that lead to it."""

    path: str
    given_name: str = ""
    """The name that the stanza says; "": that of its path."""
    aliases: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("GET", "POST")
    timeout: float = 30.0
    active: bool = True
    test_config: Section | None = None
    max_body: int | None = None
    """Bytes; None: the server's."""
    unlimited: bool = False
    """`max_body: null`, for a component that streams its body."""
    idempotency: bool = False
    """True if its answers are kept although it sends no messages."""
    headers_in: tuple[str, ...] | None = None
    """Names in lower case; None: all that may pass."""
    description: str = ""
    middlewares: tuple[Stanza, ...] | None = None
    """Its own chain; None: the shared one."""
    tokens: tuple[PathToken, ...] = ()
    restricted: bool = False
    """True if only a right for just this component opens it."""

    @property
    def name(self) -> str:
        """`system.component`, as permissions and logs call it; a path such as /v2/… has its version dropped."""
        return self.given_name or name_of(self.path)


@dataclass(frozen=True, slots=True)
class Config:
    """All that esb.yaml and the files it includes say, as far as it is right; and what is wrong."""

    path: Path
    folder: Path
    """The absolute folder of esb.yaml: plugins are importable from here."""
    server: Server = field(default_factory=Server)
    sandbox: Sandbox | None = None
    services: Mapping[str, Stanza] = field(default_factory=dict)
    database: DatabaseConfig | None = None
    """The database of `services`; None if left out."""
    deliveries: DeliveriesConfig | None = None
    """None if left out: no asynchronous calls."""
    delivery_engine: Stanza | None = None
    """The stanza `deliveries.engine`; None if left out: the embedded one."""
    ledger: LedgerConfig | None = None
    """None if left out: of synchronous calls nothing is recorded."""
    middlewares: tuple[Stanza, ...] | None = None
    """None if left out: the default chain."""
    components: tuple[ComponentStanza, ...] = ()
    mistakes: list[Mistake] = field(default_factory=list)
    files: tuple[Path, ...] = ()
    """All that was read: esb.yaml first, then what it includes."""
    secrets: Mapping[Path, FileState] = field(default_factory=dict)
    """The files that `${file:…}` names, as they were when they were read."""
    hash: str = ""
    """A digest of these files as they stand there, `${…}` and all: gateways with the same one have the same files."""
    contents: Mapping[Path, bytes] = field(default_factory=dict, repr=False)
    """The bytes of these files, by absolute path: nothing in them is filled in."""
    root: Section | None = None
    """esb.yaml as it stands there, every `${…}` filled in; None if it cannot be read."""

    def in_order(self, mistakes: Iterable[Mistake]) -> list[Mistake]:
        """Return the mistakes by file, this one first and the others as they are included, and then by line.

        What several components take from one anchor is wrong once.
        """
        order = {str(path): number for number, path in enumerate(self.files)}
        once: dict[tuple[object, ...], Mistake] = {}
        for mistake in mistakes:
            once.setdefault((mistake.file, mistake.line, _COMPONENT.sub("", mistake.key), mistake.text), mistake)
        return sorted(once.values(), key=lambda mistake: (order[mistake.file], mistake.line))
