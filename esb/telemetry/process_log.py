"""The log of a process that serves: one writer to stderr, and no line there that is not the log's own."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from esb.core.errors import GatewayError
from esb.core.events import crash
from esb.core.process_events import NotStarted
from esb.telemetry import logs, stdlib_logs, strays
from esb.telemetry.log_writer import LogWriter


@contextmanager
def process_log(environ: Mapping[str, str]) -> Iterator[LogWriter]:
    """Yield the writer to stderr; what would be written there beside the log becomes lines of it.

    A bug that ends the process is told as such, and the process exits with 1. A GatewayError goes on.
    """
    with logs.to_stderr(environ) as log:
        listener = logs.listener(environ, log)
        with stdlib_logs.reported(listener), strays.reported(listener):
            try:
                yield log
            except GatewayError:
                raise
            except Exception as error:  # noqa: BLE001 - the rim: Python would write a traceback, texts and all
                listener(crash("", "serving", error))
                sys.exit(1)


def told_not_started(environ: Mapping[str, str], *why: str) -> bool:
    """Tell in the log why this process does not start; return False where that is for people, who read plain text."""
    if not logs.is_json(environ, sys.stderr):
        return False
    with logs.to_stderr(environ) as log:
        logs.listener(environ, log)(NotStarted(why))
    return True
