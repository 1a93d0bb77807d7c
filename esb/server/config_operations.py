"""The operations on the configuration that answers: who loaded it and what that changed, and what it is warned of."""

from typing import Any

from esb.config import Config
from esb.core.clock import utc_text
from esb.gateway.reload import Loaded, Reloader
from esb.introspect.audit import warnings
from esb.introspect.config_changes import Changes, changes
from esb.introspect.per_config import PerConfig
from esb.server.operations import Answer, Operation, OperatorRequest
from esb.server.process_operations import generation_of
from esb.server.process_status import Processes


def config_operations(processes: Processes, reloader: Reloader) -> list[Operation]:
    """Return the operations."""
    handlers = _Handlers(processes, reloader)
    return [
        Operation("GET", "/-/config/changes", handlers.changes),
        Operation("GET", "/-/config/warnings", handlers.warnings),
    ]


class _Handlers:
    def __init__(self, processes: Processes, reloader: Reloader) -> None:
        self._processes = processes
        self._reloader = reloader
        self._changes: PerConfig[Changes] = PerConfig(changes)
        self._warnings: PerConfig[list[dict[str, Any]]] = PerConfig(_warned)

    async def changes(self, asked: OperatorRequest) -> Answer:
        """Answer who loaded the configuration and when, what it changes over the one before, and the last refusal."""
        present, previous, refused = self._reloader.present, self._reloader.previous, self._reloader.refused
        found = None if previous is None else await self._changes.of(previous.config, present.config)
        return Answer(
            {
                "generation": generation_of(await self._processes.statuses()),
                **_loaded(present),
                "files": [str(path) for path in present.config.files],
                "previous": None if previous is None else _loaded(previous),
                "changes": [] if found is None else found.told,
                "number": 0 if found is None else found.number,
                "refused": None
                if refused is None
                else {
                    "at": utc_text(refused.at),
                    "by": refused.by,
                    "mistakes": [mistake._asdict() for mistake in refused.mistakes],
                    "number": refused.number,
                    "is_last": refused.at >= present.at,
                },
            }
        )

    async def warnings(self, asked: OperatorRequest) -> Answer:
        """Answer what `esb check` warns of in the files as they were when they were read."""
        return Answer({"warnings": await self._warnings.of(self._reloader.present.config)})


def _loaded(loaded: Loaded) -> dict[str, Any]:
    return {"hash": loaded.config.hash, "at": utc_text(loaded.at), "by": loaded.by}


def _warned(config: Config) -> list[dict[str, Any]]:
    return [warned.as_json() for warned in warnings(config, config.contents)]
