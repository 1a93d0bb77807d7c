"""Insertions of rows that may be there already, in the words of each kind of database."""

from typing import Any

from sqlalchemy import Column, Table, false
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.sql.dml import Insert


def insert_unless_there(table: Table, unique: Column[Any], dialect: str) -> Insert:
    """Return the insertion that leaves a row alone which has the same value in this unique column."""
    if dialect == "mysql":
        return mysql.insert(table).on_duplicate_key_update({unique.name: unique})
    return insert_or_update(table, dialect).on_conflict_do_nothing(index_elements=[unique])


def insert_or_lock(table: Table, unique: Column[Any], dialect: str) -> Insert:
    """Return the insertion that leaves such a row alone, and locks it until the transaction ends: nobody deletes it."""
    if dialect == "mysql":
        return insert_unless_there(table, unique, dialect)
    change = {unique.name: unique}
    return insert_or_update(table, dialect).on_conflict_do_update(index_elements=[unique], set_=change, where=false())


def insert_or_update(table: Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    """Return the insertion of PostgreSQL or SQLite, which may say what it does instead where a row is there."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
