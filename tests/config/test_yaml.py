from enum import Enum
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal, Self

import pytest
from pydantic import AliasChoices, ConfigDict, Field, SecretStr, field_validator, model_validator

from esb.config import ConfigModel
from esb.config.yaml import Section, read
from esb.core.errors import ConfigError


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Person(ConfigModel):
    name: str
    age: int = 0


class Card(ConfigModel):
    kind: Literal["card"]
    text: str


class Plain(ConfigModel):
    kind: Literal["plain"]


class Plugin(ConfigModel):
    model_config = ConfigDict(populate_by_name=True)

    wx_type: Literal["qy", "qywx", "mp"] = "qy"
    number: int = 0
    ratio: float = 0.0
    flag: bool = False
    text: str = ""
    maybe: int | None = None
    either: int | str = ""
    secret: SecretStr | None = None
    color: Color = Color.RED
    address: IPv4Address | None = None
    names: tuple[str, ...] = ()
    boss: Person | None = None
    people: tuple[Person, ...] = ()
    by_name: dict[str, Person] = Field(default_factory=dict)
    message: Annotated[Card | Plain, Field(discriminator="kind")] | None = None
    short: str = Field("abc", min_length=2, max_length=3, pattern="^[a-z]+$")
    dozens: int = Field(12, multiple_of=12)
    few: list[int] = Field([1], min_length=1, max_length=2)
    proxy: str = Field("", alias="wx_proxy")
    host: str = Field("", validation_alias=AliasChoices("wx_host", "wx_qy_host"))

    @field_validator("text")
    @classmethod
    def no_shouting(cls, text: str) -> str:
        if text.isupper():
            raise ValueError(f"{text} is shouting")
        return text

    @model_validator(mode="after")
    def a_ratio_needs_a_number(self) -> Self:
        if self.ratio and not self.number:
            raise ValueError("ratio needs number")
        return self


def section(text: str) -> Section:
    root, mistakes = read(text, "esb.yaml")
    assert mistakes == []
    return root


def refused(text: str | Section, overrides: Section | None = None) -> list[str]:
    place = section(text) if isinstance(text, str) else text
    with pytest.raises(ConfigError) as caught:
        place.validate(Plugin, overrides)
    return [str(mistake).removeprefix("esb.yaml:") for mistake in caught.value.mistakes]


def from_outside(key: str, value: str) -> Section:
    """Return `key: ${VAR}` filled in with this value."""
    text = Section("esb.yaml", 2, key, value, loose=True, outside=(value,))
    return Section("esb.yaml", 1, "", {}).with_children({key: text})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("0", 0),
        ("-12", -12),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("1.5e3", 1500.0),
        (".inf", float("inf")),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
    ],
)
def test_a_word_that_all_readers_of_yaml_agree_on_has_its_type(text: str, value: Any) -> None:
    assert section(f"a: {text}\n").value == {"a": value}
    assert type(section(f"a: {text}\n").value["a"]) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "no",
        "on",
        "OFF",
        "y",
        "2024-01-01",
        "2024-01-01 10:00:00",
        "12:30",
        "010",
        "0o17",
        "1_000",
        "1e3",
        "+86-1",
    ],
)
def test_a_word_that_readers_of_yaml_quarrel_about_is_a_text(text: str) -> None:
    assert section(f"a: {text}\n").value == {"a": text}


def test_a_key_may_be_called_on_or_look_like_a_date() -> None:
    assert section("{on: 1, no: 2, 2024-01-01: 3}").value == {"on": 1, "no": 2, "2024-01-01": 3}


def test_yes_and_on_and_exponents_are_read_again_where_a_text_is_refused() -> None:
    plugin = section("{flag: yes, ratio: 1e-3, number: 1, text: on, wx_proxy: NO}").validate(Plugin)

    assert (plugin.flag, plugin.ratio, plugin.text, plugin.proxy) == (True, 0.001, "on", "NO")
    assert refused("{number: 010, flag: '12:30', maybe: off}") == [
        "1: number: expected an integer, found a string",
        "1: flag: expected true or false, found a string",
        "1: maybe: expected an integer, found a boolean",
    ]


def test_every_key_and_item_knows_its_line_and_dotted_key() -> None:
    root = section("a:\n  b:\n    - x\n    - c: 1\n\n      d: 2\n")

    places = [root.mistake("x", "a"), root.mistake("x", "a", "b", 1), root.mistake("x", "a", "b", 1, "d")]

    assert [str(place) for place in places] == [
        "esb.yaml:1: a: x",
        "esb.yaml:4: a.b[1]: x",
        "esb.yaml:6: a.b[1].d: x",
    ]


def test_a_mistake_below_what_is_written_stands_on_the_line_of_what_is() -> None:
    assert str(section("a:\n  b: 1\n").mistake("missing", "a", "c", 0, "d")) == "esb.yaml:1: a.c[0].d: missing"


def test_a_mistake_at_the_root_is_one_of_the_file() -> None:
    assert str(section("a: 1\n").mistake("wrong")) == "esb.yaml:1: file: wrong"


def test_a_key_with_a_line_break_does_not_break_the_line() -> None:
    assert str(section('"a\\nb": 1\n').mistake("wrong", "a\nb")) == r"esb.yaml:1: 'a\nb': wrong"


def test_merged_keys_stand_behind_written_ones_and_keep_their_lines() -> None:
    root = section(
        "base: &base\n"
        "  number: 1\n"
        "  text: x\n"
        "other: &other {number: 2, flag: 3}\n"
        "all:\n"
        "  <<: [*base, *other]\n"
        "  text: y\n"
    )

    assert root.children["all"].value == {"text": "y", "number": 1, "flag": 3}
    assert refused(root.children["all"]) == ["4: all.flag: expected true or false, found an integer"]


def test_an_anchored_part_has_the_key_of_each_place_that_it_stands_in() -> None:
    root = section("a: &a\n  number: x\nb: *a\n")

    assert refused(root.children["b"]) == ["2: b.number: expected an integer, found a string"]


def test_a_quoted_merge_key_is_a_key() -> None:
    assert section("'<<': 1\n").value == {"<<": 1}


def test_what_is_right_becomes_the_model() -> None:
    plugin = section(
        "{wx_type: mp, ratio: 1, number: 2, secret: s, color: blue, address: 10.0.0.1, names: [a, b], maybe: null,"
        " boss: {name: x}, by_name: {a: {name: y, age: 3}}, message: {kind: card, text: t}, wx_qy_host: h}"
    ).validate(Plugin)

    assert plugin.secret is not None
    assert plugin.secret.get_secret_value() == "s"
    assert (plugin.ratio, plugin.color, plugin.address) == (1.0, Color.BLUE, IPv4Address("10.0.0.1"))
    assert plugin.names == ("a", "b")
    assert plugin.by_name["a"] == Person(name="y", age=3)
    assert (plugin.message, plugin.host) == (Card(kind="card", text="t"), "h")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("number: '5'", "number: expected an integer, found a string: write it without quotes"),
        ("number: '5 '", "number: expected an integer, found a string"),
        ("number: true", "number: expected an integer, found a boolean"),
        ("number: 1.5", "number: expected an integer, found a decimal number"),
        ("number: {}", "number: expected an integer, found a mapping"),
        ("ratio: .nan", "ratio: expected a finite number"),
        ("flag: 'true'", "flag: expected true or false, found a string: write it without quotes"),
        ("flag: 1", "flag: expected true or false, found an integer"),
        ("text: 13800000000", "text: expected a string, found an integer: put it in quotes"),
        ("text: 1.10", "text: expected a string, found a decimal number: put it in quotes"),
        ("text:", "text: expected a string, found nothing"),
        ("text: [a]", "text: expected a string, found a list"),
        ("either: []", "either: expected an integer or a string, found a list"),
        ("secret: 5", "secret: expected a string, found an integer: put it in quotes"),
        ("wx_type: qyw", "wx_type: expected 'qy', 'qywx' or 'mp', found 'qyw' (did you mean 'qywx'?)"),
        ("wx_type: wecom", "wx_type: expected 'qy', 'qywx' or 'mp', found 'wecom'"),
        ("wx_type: [qy]", "wx_type: expected 'qy', 'qywx' or 'mp', found a list"),
        ("color: rde", "color: expected 'red' or 'blue', found 'rde' (did you mean 'red'?)"),
        ("dozens: 13", "dozens: Input should be a multiple of 12"),
        ("names: a", "names: expected a list, found a string"),
        ("names: [a, 1]", "names[1]: expected a string, found an integer: put it in quotes"),
        ("short: a", "short: expected 2 or more characters"),
        ("short: abcd", "short: expected at most 3 characters"),
        ("short: A1", "short: expected a text that matches ^[a-z]+$"),
        ("few: []", "few: expected 1 or more items"),
        ("few: [1, 2, 3]", "few: expected at most 2 items"),
        ("boss: {}", "boss.name: missing; expected a string"),
        ("boss: x", "boss: expected a mapping, found a string"),
        ("boss: {name: x, aeg: 1}", "boss.aeg: unknown key (did you mean 'age'?)"),
        ("people: [{name: x}, {nam: y, name: x}]", "people[1].nam: unknown key (did you mean 'name'?)"),
        ("by_name: {a.b: {name: x, zz: 1}}", "by_name.a.b.zz: unknown key; known keys: name, age"),
        ("message: {kind: crad}", "message: expected 'kind' to be one of 'card', 'plain'"),
        ("message: {text: a}", "message: expected the key 'kind'"),
        ("message: {kind: card}", "message.text: missing; expected a string"),
        ("message: {kind: plain, text: a}", "message.text: unknown key; known keys: kind"),
        ("wx_proxy: 1", "wx_proxy: expected a string, found an integer: put it in quotes"),
        ("proxy: 1", "proxy: expected a string, found an integer: put it in quotes"),
        ("wx_qy_host: 1", "wx_qy_host: expected a string, found an integer: put it in quotes"),
        ("wx_prxy: x", "wx_prxy: unknown key (did you mean 'wx_proxy'?)"),
        ("text: LOUD", "text: LOUD is shouting"),
        ("ratio: 1", "file: ratio needs number"),
    ],
)
def test_what_is_wrong_is_told_in_words(text: str, mistake: str) -> None:
    assert refused(text) == [f"1: {mistake}"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert refused("number: x\nboss:\n  nmae: y\nfoo: 1\n") == [
        "1: number: expected an integer, found a string",
        "3: boss.nmae: unknown key (did you mean 'name'?)",
        "4: foo: unknown key; known keys: wx_type, number, ratio, flag, text, maybe, either, secret, color, address, "
        "names, boss, people, by_name, message, short, dozens, few, wx_proxy, wx_host, wx_qy_host",
    ]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (dict[str, int], "a mapping"),
        (list[int] | None, "a list"),
        (int | str, "an integer or a string"),
        (Literal["a", 1], "'a' or 1"),
        (SecretStr, "a string"),
        (bool, "true or false"),
        (Person, "a mapping"),
        (IPv4Address, "a value"),
    ],
)
def test_a_missing_key_is_told_with_what_belongs_there(model: Any, expected: str) -> None:
    class Needs(ConfigModel):
        it: model

    with pytest.raises(ConfigError) as caught:
        section("{}").validate(Needs)

    assert [mistake.text for mistake in caught.value.mistakes] == [f"missing; expected {expected}"]


def test_a_model_without_keys_takes_none() -> None:
    class Empty(ConfigModel):
        pass

    with pytest.raises(ConfigError, match="a: unknown key; nothing can be set here"):
        section("a: 1").validate(Empty)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("number", "8080", 8080),
        ("ratio", "0e3", 0.0),
        ("flag", "yes", True),
        ("maybe", "", None),
        ("either", "5", "5"),
        ("text", "5", "5"),
        ("text", "null", "null"),
        ("names", "[a, 'b']", ("a", "b")),
        ("boss", '{"name": "x"}', Person(name="x")),
    ],
)
def test_a_text_from_outside_is_read_as_the_type_of_its_key(key: str, text: str, value: Any) -> None:
    plugin = from_outside(key, text).validate(Plugin)

    assert getattr(plugin, key) == value


@pytest.mark.parametrize(
    ("key", "text", "mistake"),
    [
        ("number", "hunter22", "expected an integer, found a string"),
        ("number", "0123456", "expected an integer, found a string"),
        ("wx_type", "hunter22", "expected 'qy', 'qywx' or 'mp', found a string"),
        ("text", "HUNTER22", "*** is shouting"),
        ("names", "[hunter22, 7777]", "expected a string, found an integer"),
        ("names", "[hunter22", "expected a list, found a string"),
        ("names", "[hunter22, &a [*a]]", "expected a list, found a string"),
        ("boss", "{hunter22: 1}", "missing; expected a string"),
        ("by_name", "{hunter22: hunter33}", "expected a mapping, found a string"),
    ],
)
def test_what_came_from_outside_is_not_shown(key: str, text: str, mistake: str) -> None:
    told = refused(from_outside(key, text))

    assert mistake in told[0]
    assert all(line.startswith(f"2: {key}") for line in told)
    assert "hunter" not in "".join(told).lower()


def test_a_mistake_that_others_write_shows_nothing_from_outside_either() -> None:
    root = from_outside("text", "hunter22")

    assert root.mistake("http://hunter22@host refused").text == "http://***@host refused"
    assert root.mistake("hunter22 is used", "number").text == "*** is used"


def test_overrides_lie_over_the_section_and_each_mistake_where_its_key_stands() -> None:
    root = section("config:\n  number: 1\n  flag: x\ntest_config:\n  text: 1\n  number: y\n")

    told = refused(root.children["config"], root.children["test_config"])

    assert told == [
        "6: test_config.number: expected an integer, found a string",
        "3: config.flag: expected true or false, found a string",
        "5: test_config.text: expected a string, found an integer: put it in quotes",
    ]


def test_overrides_replace_whole_keys() -> None:
    root = section("config: {number: 1, boss: {name: x, age: 3}}\ntest_config: {boss: {name: y}}\n")

    plugin = root.children["config"].validate(Plugin, root.children["test_config"])

    assert (plugin.number, plugin.boss) == (1, Person(name="y", age=0))


def test_what_only_the_overrides_make_wrong_is_wrong_there() -> None:
    root = section("config:\n  ratio: 1\n  number: 1\ntest_config:\n  number: 0\n")

    assert refused(root.children["config"], root.children["test_config"]) == ["4: test_config: ratio needs number"]


def test_a_key_that_both_lack_is_missing_in_the_section_itself() -> None:
    root = section("config: {}\ntest_config: {age: 1}\n")

    with pytest.raises(ConfigError) as caught:
        root.children["config"].validate(Person, root.children["test_config"])

    assert [str(mistake) for mistake in caught.value.mistakes] == [
        "esb.yaml:1: config.name: missing; expected a string"
    ]


def test_what_follows_from_an_unset_variable_is_no_mistake() -> None:
    unset = Section("esb.yaml", 1, "number", "${NOT_SET}", unresolved=True)
    ratio = Section("esb.yaml", 2, "ratio", "x")
    root = Section("esb.yaml", 1, "", {}).with_children({"number": unset, "ratio": ratio})

    assert refused(root) == ["2: ratio: expected a number, found a string"]
