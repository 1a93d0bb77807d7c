"""CONTRIBUTING shows a newcomer the house as it is: its rooms, their order, and where a new thing goes."""

import re
from pathlib import Path

import esb
from tests.support.documentation import text
from tests.support.house import BESIDE, ORDER, PLANNED
from tests.support.repository import ROOT

FOLDER = Path(esb.__file__).parent
TEXT = text("CONTRIBUTING.md")
FACE = "esb"
"""The page's name for esb/__init__.py, which is "" in test_house.py."""


def table(header: str) -> list[tuple[str, str]]:
    """The two columns of the table that begins so."""
    body = TEXT.partition(f"| {header} | ")[2].partition("\n\n")[0]
    return re.findall(r"^\| (.+?) \| (.+) \|$", body.partition("| --- | --- |\n")[2], re.MULTILINE)


ROOMS = {room: line for names, line in table("room") for room in re.findall(r"`(\w+)`", names)}
PLACES = dict(table("you add"))


def test_every_room_has_one_line_and_every_line_a_room() -> None:
    rooms = {place or FACE for places in ORDER for place in places} | set(BESIDE) | PLANNED

    assert set(ROOMS) == rooms


def test_a_room_is_called_planned_until_it_is_there() -> None:
    there = {path.stem for path in FOLDER.iterdir()} | {FACE}
    planned = {room for room, line in ROOMS.items() if line.endswith("(planned)")}

    assert planned == set(ROOMS) - there


def test_the_order_of_imports_is_the_one_that_is_held() -> None:
    line = TEXT.partition("```text\n")[2].partition("```")[0].replace("\n", " ")
    steps = [{room.strip() for room in step.split(",")} for step in line.split("→")]

    assert steps == [{place or FACE for place in places} for places in ORDER]


def test_a_new_thing_is_sent_to_a_place_that_is_there() -> None:
    for added, line in PLACES.items():
        places = re.findall(r"`([a-z_]+/[A-Za-z_/.]*)`", line)
        assert places, added
        for place in places:
            known = re.split(r"[A-Z]", place)[0]  # plugins/NAME.py: the part before the name
            assert place.partition("/")[0] in ROOMS, place
            assert (FOLDER / known).exists() or line.endswith("(planned)"), place


def test_the_folders_of_tests_are_those_of_the_house_and_those_that_are_named() -> None:
    named = {re.sub(r"\W", "", folder.partition("/")[2]) for folder, _ in table("folder")}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name[0].isalpha()}

    assert folders - {path.stem for path in FOLDER.iterdir()} == named
