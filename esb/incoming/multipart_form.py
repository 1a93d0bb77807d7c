"""Multipart forms, read window by window: besides the body, no more is held than what comes out of it."""

from codecs import getincrementaldecoder
from collections.abc import Iterator

from esb.core.character_sets import CHARACTER_SETS
from esb.core.errors import BadBody
from esb.core.files import BINARY, File, bare_name

WINDOW = 2**18
"""The bytes read in one go."""


def fields(body: bytes, boundary: str, most: int) -> Iterator[tuple[str, str | None]]:
    """Yield the fields, by name and text, of a form of at most so many parts; None instead of a text for a file.

    ValueError if it is no such form, RequestError if a field has another character set than CHARACTER_SETS.
    """
    from multipart import MultipartSegment, PushMultipartParser

    name, decoder, value = "", None, ""
    with PushMultipartParser(boundary, len(body), max_segment_count=most, strict=True) as parser:
        for start in range(0, len(body), WINDOW):
            for event in parser.parse(body[start : start + WINDOW]):
                if isinstance(event, MultipartSegment):
                    name, value = event.name, ""
                    decoder = None if event.filename else getincrementaldecoder(_codec(event.charset or "utf-8"))()
                elif decoder is None:
                    if event is None:
                        yield name, None
                elif event is None:
                    yield name, value + decoder.decode(b"", final=True)
                else:
                    value += decoder.decode(event)  # CPython lets it grow in its place


def _codec(character_set: str) -> str:
    """Return the codec of a character set. RequestError if it is none of CHARACTER_SETS."""
    codec = CHARACTER_SETS.get(character_set.lower())
    if codec is None:
        raise BadBody(
            "Parameters error, the multipart form cannot be read: "
            "the character set of a field must be utf-8, ascii, latin-1 or gb18030"
        )
    return codec


def boundary_of(content_type: str) -> str | None:
    """Return the boundary that a content type tells, "" if it forgets to; None if it is not that of a form."""
    from multipart import parse_options_header

    kind, options = parse_options_header(content_type)
    return options.get("boundary", "") if kind == "multipart/form-data" else None


def files(body: bytes, boundary: str, most: int) -> Iterator[tuple[str, File]]:
    """Yield the files, by name, of a form of at most so many parts; each is held beside the body.

    A file without a name is none: browsers send that for a field in which nothing was chosen. ValueError if it is no
    such form.
    """
    from multipart import MultipartSegment, PushMultipartParser

    segment, chunks = None, list[bytes]()
    with PushMultipartParser(boundary, len(body), max_segment_count=most, strict=True) as parser:
        for start in range(0, len(body), WINDOW):
            for event in parser.parse(body[start : start + WINDOW]):
                if isinstance(event, MultipartSegment):
                    segment, chunks = event if event.filename else None, []
                elif segment is None:
                    continue  # of a text
                elif event is None:
                    content = b"".join(chunks)
                    yield segment.name, File(bare_name(segment.filename), content, segment.content_type or BINARY)
                else:
                    chunks.append(bytes(event))
