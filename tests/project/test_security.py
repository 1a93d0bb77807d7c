"""docs/security.md: each attack of its table names a command, and each command runs a test that is there."""

import re

import pytest

from tests.support.documentation import text
from tests.support.processes.interpreter import python
from tests.support.repository import ROOT

PAGES = ("docs/security.md", "docs/security.zh-CN.md")
COMMAND = re.compile(r"`make test PYTEST=\"(tests/\S+\.py) -k '([^']+)'\"`")
ACTORS = 8
ATTACKS = 45
AWAITED = frozenset(
    {
        "tests/cli/test_check.py -k 'test_a_gateway_that_others_reach_is_told_that_its_nonces_do_not_outlive_it'",
        "tests/core/test_path_values.py -k 'test_what_ends_or_parts_a_path_for_anybody_is_not_sound'",
        "tests/delivery/test_dry_run.py -k 'test_no_sender_tells_an_address_of_the_directory'",
        "tests/delivery/test_idempotency.py -k 'test_the_key_of_one_user_is_refused_to_another_under_way_and_kept'",
        "tests/incoming/test_admission.py -k 'strangers or slots or trickles'",
        "tests/incoming/test_admission.py -k 'test_one_app_leaves_room_for_the_others'",
        "tests/incoming/test_admission.py -k 'test_wrong_credentials_by_header_are_refused_before_the_body_comes'",
        "tests/incoming/test_cors.py -k 'test_a_page_of_another_site_does_not_speak_for_the_user_of_its_browser'",
        "tests/incoming/test_signature_mutations.py -k 'test_no_byte_that_decides_anything_can_be_changed'",
        "tests/middlewares/test_app_auth_signature.py -k 'test_a_name_that_comes_twice_is_not_what_was_signed'",
        "tests/middlewares/test_app_auth_signature.py -k 'test_nobody_is_named_in_a_header_beside_a_signature'",
        "tests/middlewares/test_app_auth_signature.py -k 'test_what_a_proxy_passes_on_leads_to_no_other_component'",
        "tests/middlewares/test_failed_attempts.py -k 'fails'",
        "tests/middlewares/test_permission.py -k 'test_a_right_is_for_the_name_that_a_stanza_says'",
        "tests/plugins/http/test_fixed_params.py -k 'raw'",
        "tests/plugins/http/test_hostile_answers.py -k 'status or cookie'",
        "tests/plugins/http/test_spoofing.py -k 'test_no_header_of_a_caller_stands_in_for_the_gateways'",
        "tests/scenarios/test_noisy_neighbours.py -k 'test_nonces'",
        "tests/scenarios/test_noisy_neighbours.py -k 'test_the_breaker'",
        "tests/scenarios/test_noisy_neighbours.py -k 'test_turns_at_a_full_upstream'",
        "tests/scenarios/test_noisy_neighbours.py -k 'test_wrong_secrets_of_a_corporation'",
        "tests/server/test_connection_slots.py -k 'bound or limit'",
        "tests/server/test_strangers.py -k 'test_honest_callers_are_answered_and_memory_is_given_back'",
        "tests/store/test_encryption.py -k 'test_a_value_is_read_in_its_place_and_in_no_other'",
    }
)
"""Tests that are named and not there yet."""


def commands(page: str) -> list[tuple[str, str]]:
    return COMMAND.findall(text(page))


def named(page: str) -> set[str]:
    return set(re.findall(r"tests/[\w/]+\.py", text(page)))


@pytest.fixture(scope="module")
def collected() -> list[str]:
    """The ids of the tests in all files that are named."""
    files = sorted(file for file in named(PAGES[0]) if (ROOT / file).exists())
    done = python("-m", "pytest", "--collect-only", "-p", "no:cacheprovider", *files, folder=ROOT)
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()


def chosen(identifier: str, expression: str) -> bool:
    """Return True if `-k` with this expression chooses a test; only "or" and "and" are known."""
    name = identifier.lower()
    return any(all(word.strip().lower() in name for word in every.split(" and ")) for every in expression.split(" or "))


def test_every_attack_is_repeated_by_a_test_that_is_there(collected: list[str]) -> None:
    missing = {
        f"{file} -k '{expression}'"
        for file, expression in commands(PAGES[0])
        if not any(test.startswith(f"{file}::") and chosen(test, expression) for test in collected)
    }
    assert missing <= AWAITED, missing - AWAITED


def test_every_file_of_tests_that_is_named_is_there() -> None:
    missing = {file for file in named(PAGES[0]) if not (ROOT / file).exists()}
    assert missing <= {awaited.partition(" ")[0] for awaited in AWAITED}


def test_every_row_of_attacks_has_its_command() -> None:
    for page in PAGES:
        table = text(page).partition("\n| --- | --- | --- | --- |\n")[2].partition("\n\n")[0].splitlines()
        rows = [row for row in table if not row.startswith("| **")]
        assert len(rows) >= ATTACKS
        assert [row for row in rows if not COMMAND.search(row)] == []
    assert commands(PAGES[0]) == commands(PAGES[1])


def test_every_actor_has_a_row_and_tests_that_hold_it() -> None:
    for page in PAGES:
        table = text(page).partition("\n| --- | --- | --- | --- | --- |\n")[2].partition("\n\n")[0].splitlines()
        assert len(table) == ACTORS
        assert all("`tests/" in row for row in table)


def test_it_says_how_to_report_a_hole() -> None:
    assert "](docs/security.md)" in text("SECURITY.md")
    for page in PAGES:
        assert "](../SECURITY.md)" in text(page)
    for page, link in (("README.md", "](docs/security.md)"), ("README.zh-CN.md", "](docs/security.zh-CN.md)")):
        assert link in text(page)
