"""Multipart forms, read window by window: besides the body, no more is held than what comes out of it."""

from codecs import getincrementaldecoder
from collections.abc import Collection, Iterator

from esb.core.character_sets import CHARACTER_SETS
from esb.core.errors import BadBody
from esb.core.files import BINARY, File, bare_name

WINDOW = 2**18
"""The bytes read in one go."""


def parts(body: bytes, boundary: str, most: int, kept: Collection[str] = ()) -> Iterator[tuple[str, str | File | None]]:
    """Yield name and content of each part of a form of at most so many: a text, a file, or None for a file not kept.

    Files under the names `kept` are, each beside the body. A file without a name is a text: browsers send that for a
    field in which nothing was chosen. ValueError if it is no such form, RequestError if a text has another character
    set than CHARACTER_SETS.
    """
    from multipart import MultipartSegment, PushMultipartParser

    name = file_name = content_type = text = ""
    decoder, chunks = None, list[bytes]()
    with PushMultipartParser(boundary, len(body), max_segment_count=most, strict=True) as parser:
        for start in range(0, len(body), WINDOW):
            for event in parser.parse(body[start : start + WINDOW]):
                if isinstance(event, MultipartSegment):
                    name, file_name, content_type = event.name, event.filename, event.content_type
                    text, chunks = "", []
                    decoder = None if file_name else getincrementaldecoder(_codec(event.charset or "utf-8"))()
                elif decoder is not None:
                    if event is None:
                        yield name, text + decoder.decode(b"", final=True)
                    else:
                        text += decoder.decode(event)  # CPython lets it grow in its place
                elif event is None:
                    content = b"".join(chunks)
                    yield name, File(bare_name(file_name), content, content_type or BINARY) if name in kept else None
                elif name in kept:
                    chunks.append(bytes(event))


def _codec(character_set: str) -> str:
    """Return the codec of a character set. RequestError if it is none of CHARACTER_SETS."""
    codec = CHARACTER_SETS.get(character_set.lower())
    if codec is None:
        raise BadBody(
            "Parameters error, the multipart form cannot be read: "
            "the character set of a field must be utf-8, ascii, latin-1 or gb18030"
        )
    return codec
