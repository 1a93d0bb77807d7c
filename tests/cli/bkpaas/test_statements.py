"""Dumps: whatever form the INSERT statements have, their rows are read, and what is no row is passed."""

import io
from typing import Any

import pytest

from esb.cli.bkpaas.statements import Statements
from esb.cli.bkpaas.text_window import CHUNK
from esb.cli.bkpaas.values import RowError

WANTED = {"app": ("code", "token"), "other": ("id",)}
CREATE = "CREATE TABLE `app` (`id` int(11) NOT NULL, `code` varchar(30), `token` text);\n"


class OneByOne(io.StringIO):
    """A text that comes in pieces of one character."""

    def read(self, size: int | None = -1, /) -> str:
        return super().read(1)


def rows(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows of a text; they are the same in whatever pieces it comes."""
    found = list(Statements(io.StringIO(text), WANTED).rows())
    assert list(Statements(OneByOne(text), WANTED).rows()) == found
    return found


def tokens(text: str) -> list[Any]:
    return [row["token"] for _, row in rows(text)]


def refusal(text: str) -> RowError:
    with pytest.raises(RowError) as caught:
        list(Statements(io.StringIO(text), WANTED).rows())
    return caught.value


def test_rows_have_the_names_of_their_columns_from_the_create_table() -> None:
    inserts = "INSERT INTO `app` VALUES (1,'a','x'),(2,'b',NULL);\nINSERT INTO `app` VALUES (3,'c','');"
    assert rows(CREATE + inserts) == [
        ("app", {"code": "a", "token": "x"}),
        ("app", {"code": "b", "token": None}),
        ("app", {"code": "c", "token": ""}),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO app (token, code) VALUES ('x', 'a');",
        "insert ignore into `paas`.`app` (`token`,`id`,`code`) values\n  ( 'x' , 1 , 'a' )\n;",
        "REPLACE INTO `app` (`code`, `token`) VALUE ('a', 'x')",
        "INSERT LOW_PRIORITY app SET code = 'a', token='x';",
        'INSERT INTO "app" ("code", "token") VALUES ("a", "x");',
        "INSERT INTO app (code, token) VALUES ('a', 'x') ON DUPLICATE KEY UPDATE token = ';';",
        "INSERT INTO app (code, token) VALUES ('a', /* a comment; */ 'x'); -- (another one)",
        "INSERT INTO app (id, code, token) VALUES (NOW() + 1, 'a', 'x');",
        "INSERT INTO app (id, code, token) VALUES (CONCAT('(', ','), 'a', 'x');",
        "INSERT INTO `app` (`code`,`token`) VALUES (_utf8mb4'a',_binary 'x');",
        "INSERT INTO app (code, token) VALUES (0x61, X'78');",
    ],
)
def test_an_insert_may_have_any_form(statement: str) -> None:
    assert rows(statement) == [("app", {"code": "a", "token": "x"})]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r"'it\'s'", "it's"),
        ("'it''s'", "it's"),
        ("''''", "'"),
        ("''", ""),
        (r"'a\\'", "a\\"),
        (r"'\\\'); DROP'", "\\'); DROP"),
        (r"'1\n2\r3\t4\0\Z'", "1\n2\r3\t4\0\x1a"),
        (r"'100\%\_\q'", "100\\%\\_q"),
        ("'two\nlines'", "two\nlines"),
        ('\'[["a", ""]]\'', '[["a", ""]]'),
        ('"it""s"', 'it"s'),
        ("'-- no comment /* nor this'", "-- no comment /* nor this"),
        ("'中文😀'", "中文😀"),
        ("-5", -5),
        ("007", 7),
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("b'1'", 1),
        ("0b10", 2),
        ("TRUE", 1),
        ("null", None),
        ("0xE4B8AD", "中"),
        ("X''", ""),
    ],
)
def test_a_value_is_what_mysql_means_by_it(written: str, value: Any) -> None:
    assert tokens("INSERT INTO app (id, token, code) VALUES (1, $, 'b');".replace("$", written)) == [value]


def test_what_is_no_row_of_a_wanted_table_is_passed() -> None:
    text = """
        /*!40101 SET NAMES utf8 */; # a comment; with INSERT INTO app VALUES (1);
        --
        -- INSERT INTO app (code, token) VALUES ('comment', 'comment');
        CREATE TABLE sessions (data text DEFAULT 'a;b', KEY (data));
        INSERT INTO sessions VALUES ('); INSERT INTO app (code, token) VALUES (''no'', ''no'');', 0x00, "it's;", `x;`);
        UPDATE app SET token = 1 - 2 / 3;
        DELIMITER ;;
        CREATE PROCEDURE p() BEGIN INSERT INTO app (code, token) VALUES ('body', 'body'); END ;;
        DELIMITER ;
        INSERT INTO app (code, token) VALUES ('a', 'x');
    """
    assert rows("\n".join(line.strip() for line in text.splitlines())) == [("app", {"code": "a", "token": "x"})]


def test_a_create_table_names_columns_and_nothing_else() -> None:
    text = """CREATE TABLE IF NOT EXISTS `app` (
        `key` int(11) NOT NULL AUTO_INCREMENT COMMENT 'a, b) `c`',
        code varchar(30) CHECK (code in ('a', 'b')),
        `token` enum('x','y)') DEFAULT 'x' /*!50606 STORAGE DISK, */,
        PRIMARY KEY (`key`), UNIQUE KEY `code` (`code`), CONSTRAINT `f` FOREIGN KEY (`code`) REFERENCES `b` (`c`)
        ) ENGINE=InnoDB COMMENT='; it''s';
        INSERT INTO app VALUES (1, 'a', 'x');"""
    assert rows(text) == [("app", {"code": "a", "token": "x"})]


def test_a_table_without_rows_is_seen() -> None:
    statements = Statements(io.StringIO(CREATE), WANTED)
    assert (list(statements.rows()), statements.tables) == ([], {"app"})


def test_a_value_may_be_longer_than_what_is_read_at_once() -> None:
    long = "x'\\" * CHUNK
    escaped = long.replace("\\", "\\\\").replace("'", "\\'")
    text = "INSERT INTO sessions VALUES ('$');\nINSERT INTO app (code, token) VALUES ('a', '$');".replace("$", escaped)
    assert [row["token"] for _, row in Statements(io.StringIO(text), WANTED).rows()] == [long]


# What cannot be read


def test_a_row_that_does_not_fit_is_told_by_its_line_and_not_quoted() -> None:
    error = refusal(f"{CREATE}\nINSERT INTO app VALUES\n(1, 'a', 's3cret'),\n(2, 's3cret');")
    assert (error.line, error.text) == (5, "app: a row of 2 values for 3 columns")


def test_an_insert_without_columns_needs_a_create_table() -> None:
    assert "--complete-insert" in refusal("INSERT INTO app VALUES (1, 'a', 'x');").text


def test_an_expression_in_a_column_that_is_read_is_refused() -> None:
    assert (
        refusal("INSERT INTO app (code, token) VALUES ('a', MD5('x'));").text
        == "app: the value of token is an expression"
    )


def test_an_insert_from_a_select_is_refused() -> None:
    assert refusal("INSERT INTO app SELECT * FROM b;").text == "app: this INSERT has no VALUES"


@pytest.mark.parametrize("end", ["", "(1", "(1, 'a", "(1, 'a', ", "(1, 'a', 'x'),", "(1, 'a', 'x'), (2, 'b\\'"])
def test_a_file_that_ends_in_the_middle_of_a_statement_is_refused(end: str) -> None:
    assert "cut off" in refusal(f"{CREATE}INSERT INTO app VALUES {end}").text  # noqa: S608 - it is read, and never run


def test_a_dump_without_its_last_line_is_refused() -> None:
    text = "-- MySQL dump 10.13  Distrib 5.7.44\n"
    assert "Dump completed" in refusal(text).text
    assert rows(f"{text}-- Dump completed on 2026-11-30\n{text}-- Dump completed\n") == []
