"""Files of a multipart form: in as parameters, out to another system."""

from io import BytesIO
from typing import Annotated, Any

import pytest
from aiohttp import FormData
from multipart import MultipartParser, parse_options_header
from pydantic import Field

from esb import Call, Component, ConfigModel, File, Label, Params, RequiredText, Target, Uploads, pytest_plugin
from esb.core.errors import PluginMistake, RequestError
from esb.core.files import LONGEST_NAME, bare_name
from esb.incoming.body import from_body
from esb.testing import Gateway, OpenGateway, Upstream

gateway = pytest_plugin.gateway  # conftest.py has another of this name
PNG = bytes(range(256)) * 4


class DrawingParams(Params):
    title: Annotated[RequiredText, Label("title")]
    drawing: Annotated[Uploads, Label("drawing"), Field(min_length=1, max_length=2)]
    notes: Annotated[Uploads, Field(alias="note")] = ()


class Drawings(Component[Any, DrawingParams]):
    """Tells what came."""

    async def handle(self, call: Call, params: DrawingParams) -> Any:
        files = [*params.drawing, *params.notes]
        return [[file.name, file.content_type, len(file.content), file.content == PNG] for file in files]


class Sends(Component[Any, DrawingParams]):
    """Sends, or says it does: for repetitions."""

    sends = True

    async def handle(self, call: Call, params: DrawingParams) -> Any:
        call.record.sent = True
        return {"name": params.drawing[0].name}


class RelayConfig(ConfigModel):
    url: str


class Relay(Component[RelayConfig, DrawingParams]):
    """Hands a file on to another system."""

    async def handle(self, call: Call, params: DrawingParams) -> Any:
        fields = {"title": params.title, "n": 2, "ok": True, "tags": ["a", "b"], "none": None}
        target, url = Target("S", "upload"), self.config.url
        return await self.services.http.json(call, target, "POST", url, body=fields, files={"media": params.drawing})


class WrongRelayConfig(ConfigModel):
    what: str
    url: str


class WrongRelay(Component[WrongRelayConfig, Params]):
    """Hands on what no form can hold."""

    async def handle(self, call: Call, params: Params) -> Any:
        body: Any = {"deep": {"a": 1}} if self.config.what == "field" else None
        body = [1] if self.config.what == "body" else body
        files: Any = {"a": b"raw"} if self.config.what == "file" else {"a": File("n", b"", "text/plain\r\nX: y")}
        files = {} if body else files
        return await self.services.http.request(call, Target("S", "I"), "POST", self.config.url, body=body, files=files)


def form(**fields: str) -> FormData:
    """A form with these texts, and one file."""
    made = FormData(fields)
    made.add_field("drawing", PNG, filename="house.png", content_type="image/png")
    return made


async def answer(opened: Gateway, data: Any, **headers: str) -> dict[str, Any]:
    envelope: dict[str, Any] = await (await opened.request("POST", data=data, headers=headers)).json()
    return envelope


async def test_files_come_with_name_type_and_bytes(gateway: OpenGateway) -> None:
    made = form(title="A house")
    made.add_field("drawing", b"2", filename="two.png", content_type="image/png; charset=x")
    made.add_field("note", b"", filename="note")
    envelope = await answer(await gateway(Drawings), made)
    assert envelope["data"] == [
        ["house.png", "image/png", 1024, True],
        ["two.png", "image/png", 1, False],
        ["note", "application/octet-stream", 0, False],
    ]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("C:\\Users\\ann\\two.png", "two.png"),
        ("../../etc/passwd", "passwd"),
        ("t\x85w\u202eo\x00", "two"),
        ("folder/", ""),
        ("x" * 300, "x" * LONGEST_NAME),
    ],
)
def test_the_name_of_a_file_has_no_folders_and_no_control_characters(told: str, name: str) -> None:
    assert bare_name(told) == name


async def test_a_large_file_comes_whole(gateway: OpenGateway) -> None:
    made = FormData({"title": "A city"})
    made.add_field("drawing", BytesIO(b"x" * 3_000_000), filename="city.png")
    envelope = await answer(await gateway(Drawings), made)
    assert envelope["data"] == [["city.png", "application/octet-stream", 3_000_000, False]]


async def test_a_form_beyond_the_bound_of_bodies_is_refused(gateway: OpenGateway) -> None:
    opened = await gateway(Drawings, max_body=1000)
    response = await opened.request("POST", data=form(title="A house"))
    assert (response.status, (await response.json())["code"]) == (413, 1306406)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"title": "t", "drawing": "text"},
            "drawing [drawing] Must be a file of a multipart form (multipart/form-data)",
        ),
        ({"title": "t"}, "drawing [drawing] This field is required."),
        ({"title": "t", "drawing": ""}, "drawing [drawing] Value should have at least 1 item after validation, not 0"),
    ],
)
async def test_what_is_no_file_is_refused(gateway: OpenGateway, data: dict[str, str], message: str) -> None:
    opened = await gateway(Drawings)
    assert (await answer(opened, data))["message"] == message
    assert (await opened.call(data))["message"] == message


async def test_more_files_than_a_parameter_takes_are_refused(gateway: OpenGateway) -> None:
    made = form(title="A house")
    for _ in range(2):
        made.add_field("drawing", b"", filename="more")
    message = (await answer(await gateway(Drawings), made))["message"]
    assert message.startswith("drawing [drawing] Value should have at most 2 items")


async def test_a_file_under_another_name_is_refused_and_the_right_names_are_told(gateway: OpenGateway) -> None:
    made = form(title="A house")
    made.add_field("picture", b"", filename="x")
    envelope = await answer(await gateway(Drawings), made)
    assert envelope["code"] == 1306406
    assert envelope["message"].endswith("takes no file in [picture], it takes files in: drawing, note")


async def test_a_field_of_a_browser_in_which_nothing_was_chosen_is_no_file(gateway: OpenGateway) -> None:
    raw = (
        b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nt\r\n'
        b'--b\r\nContent-Disposition: form-data; name="drawing"; filename="a"\r\n\r\n1\r\n'
        b'--b\r\nContent-Disposition: form-data; name="note"; filename=""\r\n\r\n\r\n--b--\r\n'
    )
    opened = await gateway(Drawings)
    envelope = await answer(opened, raw, **{"Content-Type": "multipart/form-data; boundary=b"})
    assert envelope["data"] == [["a", "application/octet-stream", 1, False]]


async def test_a_repetition_with_another_file_is_another_call(gateway: OpenGateway) -> None:
    opened = await gateway(Sends)
    key = {"Idempotency-Key": "k"}
    first, second = await answer(opened, form(title="t"), **key), await answer(opened, form(title="t"), **key)
    other = FormData({"title": "t"})
    other.add_field("drawing", PNG + b"more", filename="house.png", content_type="image/png")
    third = await answer(opened, other, **key)
    assert first["data"]["name"] == "house.png"
    assert second["data"] == {**first["data"], "replayed": True}
    assert third["code"] == 1306406


async def test_a_component_that_takes_no_files_gets_none(gateway: OpenGateway) -> None:
    opened = await gateway("tests.support.components:Echo")
    envelope = await answer(opened, form(title="A house"))
    assert "drawing" not in (envelope["data"] or {}).get("args", {})


def test_a_form_that_breaks_off_is_no_form() -> None:
    with pytest.raises(RequestError, match="multipart form cannot be read"):
        from_body(b"--b\r\n", "multipart/form-data; boundary=b", upload_names=["a"])


async def test_files_go_to_another_system_with_the_other_fields(gateway: OpenGateway, upstream: Upstream) -> None:
    upstream.answers({"ok": 1})
    opened = await gateway(Relay, {"url": upstream.url})
    made = FormData({"title": 'A "house"'}, quote_fields=False)
    made.add_field("drawing", PNG, filename="house é.png", content_type="image/png")
    assert (await answer(opened, made))["data"] == {"ok": 1}
    (asked,) = upstream.requests
    parts = parts_of(asked.headers["Content-Type"], asked.body)
    assert parts == [
        ("title", None, None, b'A "house"'),
        ("n", None, None, b"2"),
        ("ok", None, None, b"true"),
        ("tags", None, None, b"a"),
        ("tags", None, None, b"b"),
        ("media", "house é.png", "image/png", PNG),
    ]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("field", "a form cannot hold the field 'deep': dict"),
        ("body", "with files=, body maps names of fields to texts, and is: list"),
        ("file", "files['a'] is no esb.File, but: bytes"),
        ("type", "the content type of a file has a control character"),
    ],
)
async def test_what_a_form_cannot_hold_is_told_to_the_author(
    gateway: OpenGateway, upstream: Upstream, what: str, told: str
) -> None:
    opened = await gateway(WrongRelay, {"url": upstream.url, "what": what})
    with opened.expects_crash(PluginMistake) as errors:
        await opened.call()
    assert str(errors[0]) == told
    assert upstream.requests == []


def parts_of(content_type: str, body: bytes) -> list[tuple[Any, ...]]:
    """Name, file name, content type and content of each part."""
    boundary = parse_options_header(content_type)[1]["boundary"]
    parts = MultipartParser(BytesIO(body), boundary, strict=True)
    return [(part.name, part.filename, part.headers.get("Content-Type"), part.raw) for part in parts]
