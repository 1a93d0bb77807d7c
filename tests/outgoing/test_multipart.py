"""Forms for other systems, byte by byte."""

import pytest

from esb.core.errors import PluginMistake
from esb.core.files import File
from esb.outgoing.multipart import encoded


def parts(fields: object, **files: object) -> list[bytes]:
    form, kind = encoded(fields, files)  # type: ignore[arg-type]  # as a plugin may call it
    boundary = kind.removeprefix("multipart/form-data; boundary=").encode()
    first, *rest, last = form.split(b"--" + boundary)
    assert (first, last) == (b"", b"--\r\n")
    return [part.removeprefix(b"\r\n").removesuffix(b"\r\n") for part in rest]


def test_texts_and_files_stand_in_their_order_and_names_cannot_break_out() -> None:
    file = File('a"\r\nb.txt', b"one", "text/plain")
    made = parts({'n"\r\n': "x", "many": [1, [True, None]], "none": None}, files=[file, file], other=file)
    head = b'Content-Disposition: form-data; name="%b"'
    of_file = b'; filename="a%22%0D%0Ab.txt"\r\nContent-Type: text/plain\r\n\r\none'
    assert made == [
        head % b"n%22%0D%0A" + b"\r\n\r\nx",
        head % b"many" + b"\r\n\r\n1",
        head % b"many" + b"\r\n\r\ntrue",
        head % b"files" + of_file,
        head % b"files" + of_file,
        head % b"other" + of_file,
    ]


@pytest.mark.parametrize(
    ("fields", "file", "told"),
    [
        ([], None, "body maps names of fields to texts, and is: list"),
        ({"a": {}}, None, "a form cannot hold the field 'a': dict"),
        ({}, "text", r"files\['file'\] is no esb.File, but: str"),
        ({}, File("a", b"", "text/plain\r\nX-A: b"), "has a control character"),
    ],
)
def test_what_a_form_cannot_hold_is_the_plugins_mistake(fields: object, file: object, told: str) -> None:
    with pytest.raises(PluginMistake, match=told):
        parts(fields, **({} if file is None else {"file": file}))
