"""The files of a multipart form, for components whose parameters take some."""

from collections.abc import Collection, Mapping
from typing import Any

from esb.core.errors import BadBody, Message
from esb.core.files import File
from esb.core.offloading import offloaded
from esb.incoming.body import AT_ONCE, not_readable
from esb.incoming.multipart_form import boundary_of, files
from esb.incoming.parameter_warnings import LONGEST_NAME


async def with_files(
    args: Mapping[str, Any], body: bytes, content_type: str, names: Collection[str], most: int
) -> Mapping[str, Any]:
    """Return the arguments with the files of a form of at most so many parts: tuples, by name. Other bodies have none.

    RequestError if the form cannot be read, or has a file under a name that is none of `names`.
    """
    boundary = boundary_of(content_type)
    if boundary is None:
        return args
    found = await offloaded(len(body), AT_ONCE, _read, body, boundary, most)
    for name in found:
        if name not in names:
            raise BadBody(
                "Parameters error, this component takes no file in [{name}], it takes files in: {names}",
                name=name[:LONGEST_NAME],
                names=", ".join(sorted(names)),
            )
    return {**args, **found}


def _read(body: bytes, boundary: str, most: int) -> dict[str, tuple[File, ...]]:
    found: dict[str, tuple[File, ...]] = {}
    try:
        for name, file in files(body, boundary, most):
            found[name] = (*found.get(name, ()), file)
    except ValueError:
        raise not_readable(Message("multipart form"), most) from None
    return found
