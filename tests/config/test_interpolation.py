import os
from pathlib import Path

import pytest

from esb.config.interpolation import Interpolation
from esb.config.sandbox import SandboxAddress
from esb.config.yaml import Section, read

ENVIRON = {"HOST": "example.com", "PORT": "8080", "EMPTY": "", "NESTED": "${HOST}", "LINES": "a\nb", "CHINESE": "蓝鲸"}
FORMS = "expected ${VAR}, ${VAR:-default}, ${VAR:?message}, ${file:/path} or ${sandbox}; write $${ for a literal ${"


def filled(
    text: str, folder: Path = Path("/nowhere"), sandbox: SandboxAddress | None = None
) -> tuple[Section, list[str]]:
    root, _ = read("key: |-\n" + "".join(f"  {line}\n" for line in text.splitlines()), "esb.yaml")
    interpolation = Interpolation(ENVIRON, folder, sandbox)
    section = interpolation.fill(root).children["key"]
    return section, [mistake.text for mistake in interpolation.mistakes]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain $HOST {HOST} $ {", "plain $HOST {HOST} $ {"),
        ("${HOST}", "example.com"),
        ("http://${HOST}:${PORT}/", "http://example.com:8080/"),
        ("${HOST}${PORT}", "example.com8080"),
        ("${EMPTY}", ""),
        ("${NESTED}", "${HOST}"),
        ("${LINES}", "a\nb"),
        ("${CHINESE}", "蓝鲸"),
        ("${NOT_SET:-a default: with -:?signs $}", "a default: with -:?signs $"),
        ("${NOT_SET:-}", ""),
        ("${NOT_SET:-one\n  two}", "one\n  two"),
        ("${EMPTY:-default}", "default"),
        ("${HOST:-default}", "example.com"),
        ("${HOST:?message}", "example.com"),
        ("$${HOST}", "${HOST}"),
        ("$${HOST} is ${HOST}", "${HOST} is example.com"),
        ("$$${HOST}", "$${HOST}"),
        ("$$HOST", "$$HOST"),
    ],
)
def test_a_reference_is_replaced_by_what_it_stands_for(text: str, value: str) -> None:
    section, mistakes = filled(text)

    assert section.value == value
    assert mistakes == []


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("${NOT_SET}", "the environment variable NOT_SET is not set; set it, or write ${NOT_SET:-default}"),
        ("${NOT_SET:?ask Ann}", "the environment variable NOT_SET is not set: ask Ann"),
        ("${EMPTY:?ask Ann}", "the environment variable EMPTY is not set: ask Ann"),
        ("${EMPTY:?}", "the environment variable EMPTY is not set: it is required"),
        ("${sandbox}", "there is no sandbox; add a `sandbox:` stanza to this configuration"),
        ("${sandbox_smtp_port}", "there is no sandbox; add a `sandbox:` stanza to this configuration"),
        ("${HOST", "${ without its }; write $${ for a literal ${"),
        ("${}", FORMS),
        ("${HO ST}", FORMS),
        ("${HOST-default}", FORMS),
        ("${HOST:+other}", FORMS),
        ("${NOT_SET:-${HOST}}", FORMS),
    ],
)
def test_a_reference_that_stands_for_nothing_is_a_mistake(text: str, mistake: str) -> None:
    section, mistakes = filled(text)

    assert mistakes == [mistake]
    assert section.unresolved


def test_what_came_from_outside_is_known_piece_by_piece() -> None:
    section, _ = filled("${EMPTY} a ${HOST} $${ ${NOT_SET:-b}")
    assert section.value == " a example.com ${ b"
    assert section.outside == ("", "example.com", "b")


def test_every_reference_of_a_text_is_checked() -> None:
    assert len(filled("${NOT_SET} ${HOST} ${NOR_THIS} ${}")[1]) == 3


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        ("${PORT}", True),
        ("1${PORT}", False),
        ("$${PORT}", False),
        ("$${", False),
        ("${PORT}${PORT}", False),
        ("x", False),
    ],
)
def test_only_a_text_that_is_exactly_one_reference_takes_the_type_of_its_key(text: str, loose: bool) -> None:
    assert filled(text)[0].loose is loose


def test_the_sandbox_url_is_filled_in() -> None:
    address = SandboxAddress("http://127.0.0.1:8089")
    assert filled("${sandbox}/cgi-bin", sandbox=address)[0].value == "http://127.0.0.1:8089/cgi-bin"


def test_the_port_where_the_sandbox_takes_mails_is_filled_in_with_the_type_of_its_key() -> None:
    section, mistakes = filled("${sandbox_smtp_port}", sandbox=SandboxAddress("http://127.0.0.1:8089", 8025))
    assert (section.value, section.loose, mistakes) == ("8025", True, [])


def test_a_sandbox_that_takes_no_mails_has_no_port_for_them() -> None:
    _, mistakes = filled("${sandbox_smtp_port}", sandbox=SandboxAddress("http://127.0.0.1:8089"))
    assert mistakes == ["the sandbox takes no mails; add `smtp_port` to the `sandbox:` stanza"]


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b"secret\n\n", "secret\n"),
        ("密钥\n".encode(), "密钥"),
    ],
)
def test_a_secret_file_loses_one_newline_at_its_end(tmp_path: Path, content: bytes, value: str) -> None:
    (tmp_path / "key").write_bytes(content)

    assert filled("${file:key}", tmp_path)[0].value == value
    assert filled(f"${{file:{tmp_path}/key}}")[0].value == value


def test_a_secret_file_that_cannot_be_used_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "latin1").write_bytes(b"caf\xe9")
    (tmp_path / "large").write_bytes(b"x" * (1 << 20) + b"x")

    assert filled("${file:none}", tmp_path)[1] == ["cannot read the file none: No such file or directory"]
    assert filled("${file:latin1}", tmp_path)[1] == ["cannot read the file latin1: not UTF-8 text"]
    assert filled("${file:large}", tmp_path)[1] == ["cannot read the file large: over 1048576 bytes"]


@pytest.mark.timeout(10)
def test_a_secret_file_that_may_have_no_end_is_a_mistake_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    for name in ("fifo", "/dev/zero", "/dev/null"):
        assert filled(f"${{file:{name}}}", tmp_path)[1] == [f"cannot read the file {name}: it is no regular file"]


@pytest.mark.timeout(10)
def test_a_fifo_that_somebody_writes_to_is_no_secret_file_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with open(os.open(tmp_path / "fifo", os.O_RDWR), "wb") as writing:
        writing.write(b"secret")
        writing.flush()

        assert filled("${file:fifo}", tmp_path)[1] == ["cannot read the file fifo: it is no regular file"]


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n"])
def test_an_empty_secret_file_is_a_mistake(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    section, mistakes = filled("${file:key}", tmp_path)
    assert (section.unresolved, mistakes) == (True, ["the file key is empty"])


def test_a_null_byte_in_the_name_of_a_secret_file_is_a_mistake() -> None:
    interpolation = Interpolation({}, Path(), None)

    interpolation.fill(Section("esb.yaml", 1, "key", "${file:a\0b}"))

    assert [mistake.text for mistake in interpolation.mistakes] == ["cannot read this file: a null byte is in its name"]


def test_values_that_are_no_texts_stay_as_they_are() -> None:
    root, _ = read("a: 1\nb: [true, null, 1.5, x]\nc: {}\nd: []\n", "esb.yaml")

    assert Interpolation({}, Path(), None).fill(root) == root
