"""An OpenAPI document in another language: people's texts are translated, values and names are not."""

from esb.introspect.openapi_texts import translated

WORDS = {"one": "eins", "two": "zwei", "success": "gelungen", "who calls": "wer ruft"}


def in_german(text: str) -> str:
    assert text, 'the catalogue\'s header is the translation of ""'
    return WORDS.get(text, text)


def test_summaries_and_descriptions_are_translated_line_by_line() -> None:
    document = {"summary": "one", "description": "one\n\ntwo\n- 1306000: success\nwho calls: `{}`\nthree"}
    assert translated(document, in_german) == {
        "summary": "eins",
        "description": "eins\n\nzwei\n- 1306000: gelungen\nwer ruft: `{}`\nthree",
    }


def test_names_and_values_stay() -> None:
    document = {
        "properties": {"description": {"type": "string", "description": "one"}, "default": {"description": "two"}},
        "example": {"summary": "one"},
        "examples": [{"description": "one"}],
        "enum": ["one"],
        "default": "one",
    }
    assert translated(document, in_german) == {
        **document,
        "properties": {"description": {"type": "string", "description": "eins"}, "default": {"description": "zwei"}},
    }
