"""The last good configuration: kept in a file by who serves it, for the restart at which esb.yaml is broken.

The file holds the texts of esb.yaml and of what it includes, as they stood there: no `${…}` in them is filled in.
"""

import json
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esb.config import ConfigSource, KeptSource
from esb.core.errors import GatewayError

FORM = 1
"""Version of the file's form."""
OTHERS = stat.S_IWGRP | stat.S_IWOTH
TROUBLE = "config: esb.yaml is wrong, the last good configuration answers; the log has the mistakes"


class NothingKept(GatewayError):
    """There is no last good configuration that can be served; the text says why."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """The reason why the last good configuration is served: the `mistakes` in the file at `path`, which reloads read.

    `kept` is the file that it comes from.
    """

    path: Path
    mistakes: tuple[str, ...]
    kept: Path


class LastGood:
    """The file in which the last good configuration is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, source: ConfigSource) -> None:
        """Keep what this source has read, for the gateway's user alone; all of it or nothing. OSError."""
        document = {
            "form": FORM,
            "path": str(source.path.absolute()),
            "contents": {str(path): content.decode() for path, content in source.contents.items()},
            "matches": source.matches,
        }
        number, written = tempfile.mkstemp(dir=self.path.absolute().parent, prefix=f".{self.path.name}.")  # with 0600
        try:
            with open(number, "w", encoding="utf-8") as file:
                json.dump(document, file, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            os.replace(written, self.path)
        except BaseException:
            with suppress(OSError):
                os.unlink(written)
            raise

    def source(self, environ: Any = None) -> KeptSource:
        """Return what is kept. NothingKept if there is nothing, or somebody else could have written it."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_uid not in {0, os.geteuid()} or status.st_mode & OTHERS:
                    raise NothingKept(f"{self.path}: others than the gateway's user can write it")
                found = json.load(file)
        except OSError as error:
            raise NothingKept(f"{self.path}: {error.strerror}") from error
        except ValueError as error:
            raise NothingKept(f"{self.path}: it is no last good configuration") from error
        try:
            if found["form"] != FORM:
                raise NothingKept(f"{self.path}: it has the form of another version")
            contents = {Path(path): text.encode() for path, text in found["contents"].items()}
            return KeptSource(Path(found["path"]), contents, found["matches"], environ)
        except (KeyError, TypeError, AttributeError) as error:
            raise NothingKept(f"{self.path}: it is no last good configuration") from error
