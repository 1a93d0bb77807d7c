"""Forms: what of them is sent on, what a page keeps of a refused one, and what it never repeats."""

import pytest

from esb.portal.forms import NO_FORM, Form, changed, filled, kept


def test_a_refused_form_keeps_what_was_typed_in_and_no_other_does() -> None:
    form = Form("grants", "7", "this is past", {"until": "soon"})
    assert form.value("grants", 7, "until", "never") == "soon"
    assert form.value("grants", 7, "reason", "alerts") == ""
    assert form.value("grants", 8, "until", "never") == "never"
    assert form.value("secrets", 7, "until", "never") == "never"
    assert form.is_open("grants", 7)
    assert form.is_refused("grants", 7)


def test_a_form_that_is_only_open_shows_what_the_page_has() -> None:
    form = Form("grants", "7")
    assert form.is_open("grants", 7)
    assert not form.is_refused("grants", 7)
    assert form.value("grants", 7, "until", "never") == "never"
    assert not NO_FORM.is_refused("grants")


def test_a_form_that_is_printed_tells_nothing_that_was_typed_in() -> None:
    assert "hunter2" not in repr(Form("callbacks", typed={"url": "hunter2"}))


@pytest.mark.parametrize(
    "fields",
    [
        {"secret": "hunter2"},
        {"csrf": "hunter2"},
        {"key": "db_password", "value": "hunter2"},
        {"name": "done", "url": "https://x.example.com/?key=hunter2"},
    ],
)
def test_no_page_repeats_what_is_or_may_be_a_secret(fields: dict[str, str]) -> None:
    assert "hunter2" not in str(kept(fields))


def test_a_page_keeps_all_else() -> None:
    fields = {"key": "region", "value": "south", "url": "https://x.example.com/", "until": "soon"}
    assert kept(fields) == fields


def test_what_is_sent_on_is_filled_in_or_has_changed() -> None:
    fields = {"until": "", "reason": "alerts", "was_reason": "alerts", "was_until": "90d"}
    assert filled(fields, "until", "reason", "since") == {"reason": "alerts"}
    assert changed(fields, "until", "reason", "since") == {"until": ""}
    assert changed({"reason": "alerts"}, "reason") == {"reason": "alerts"}
