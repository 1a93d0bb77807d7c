"""Files in multipart forms: those that a call brings, as parameters, and those that go to other systems."""

import re
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationInfo

from esb.core.params import problem

BINARY = "application/octet-stream"
LONGEST_NAME = 255
"""Characters of a file's name, as on most disks."""
_FOLDERS = re.compile(r".*[/\\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a multipart form: its name, its bytes, and its content type, as whoever sends it says.

    A call brings files in parameters of the type Uploads; `files=` of `services.http` sends them. The name of one that
    a call brings has no folders and no control characters, and may be "".
    """

    name: str
    content: bytes = field(repr=False)
    content_type: str = BINARY


def bare_name(name: str) -> str:
    """Return the name of a file without the folders that some clients tell, and without control characters."""
    return "".join(letter for letter in _FOLDERS.sub("", name) if letter.isprintable())[:LONGEST_NAME].strip()


def _uploads(value: Any, info: ValidationInfo) -> tuple[File, ...]:
    if value is None or value == "":
        return ()
    files = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(file, File) for file in files):
        raise problem("Must be a file of a multipart form (multipart/form-data)")
    return files


_UPLOADS = BeforeValidator(_uploads, json_schema_input_type=list[bytes])
Uploads = Annotated[tuple[File, ...], _UPLOADS]
"""Files of a multipart form under this name, in their order; no more than `server.limits.parts` and `max_body` let in.

Annotated[Uploads, Field(min_length=1, max_length=1)] is exactly one.
"""


def upload_names(model: type[BaseModel]) -> frozenset[str]:
    """Return the names under which a model takes files; none for nearly all."""
    fields = model.model_fields.items()
    return frozenset(info.alias or name for name, info in fields if _UPLOADS in info.metadata)
