"""The reasons why a database does not answer, in words of ours: a driver's own text quotes addresses and users."""

import errno
import socket
import ssl
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from esb.core.messages import template

NOT_ANSWERING = template("the database does not answer")
NO_ANSWER_IN_TIME = template("the database does not answer in time")
REFUSED = template("the database refuses connections")
UNKNOWN_HOST = template("the name of the database's host has no address")
WRONG_LOGIN = template("the database refuses the user or the password")
NO_DATABASE = template("the server has no database of this name")
NO_PRIVILEGE = template("the database lets this user not do that")
TOO_MANY = template("the database has too many connections")
FULL = template("the disk of the database is full")
LOCKED = template("the database is locked by another process")
NO_FILE = template("the file of the database cannot be opened")
NOT_A_DATABASE = template("the file is no database, or is damaged")
READ_ONLY = template("the database is read only")
REPLACED = template("another file has taken the place of the database's")
BUSY = template("all connections to the database are in use")
CUT_OFF = template("the connection to the database was lost")
CERTIFICATE = template("the certificate of the database does not count here, or it offers no TLS")
OF_WRITING = frozenset({FULL, READ_ONLY, NO_PRIVILEGE})
"""Reasons why it cannot be written, of which reading knows nothing."""
FIXES = {
    WRONG_LOGIN: "correct user and password in services.database.url",
    NO_DATABASE: "create it (CREATE DATABASE), or correct services.database.url",
    NO_PRIVILEGE: "give the user all rights to this database",
    TOO_MANY: "raise max_connections: each process of a gateway takes ten at most",
    FULL: "make room, or give it another disk",
    READ_ONLY: "name the primary in services.database.url",
    NO_FILE: "let the gateway's user read and write the file and its folder",
    NOT_A_DATABASE: "restore a backup, or correct services.database.url",
}
"""Reason -> what to do, for a preflight."""

_OF_POSTGRESQL = {
    "28P01": WRONG_LOGIN,
    "28000": WRONG_LOGIN,
    "3D000": NO_DATABASE,
    "42501": NO_PRIVILEGE,
    "53300": TOO_MANY,
    "53100": FULL,
    "25006": READ_ONLY,
    "57P01": CUT_OFF,
    "57P02": CUT_OFF,
    "57P03": "the database is starting or stopping",
    "55P03": LOCKED,
    "40P01": LOCKED,
    "40001": LOCKED,
    "57014": NO_ANSWER_IN_TIME,
}
"""SQLSTATE -> reason."""
_OF_MYSQL = {
    1044: WRONG_LOGIN,
    1045: WRONG_LOGIN,
    1698: WRONG_LOGIN,
    1049: NO_DATABASE,
    1142: NO_PRIVILEGE,
    1040: TOO_MANY,
    1203: TOO_MANY,
    1021: FULL,
    1114: FULL,
    1053: CUT_OFF,
    1205: LOCKED,
    1213: LOCKED,
    1290: READ_ONLY,
    1836: READ_ONLY,
    2002: REFUSED,
    2003: REFUSED,
    2005: UNKNOWN_HOST,
    2006: CUT_OFF,
    2013: CUT_OFF,
    2014: CUT_OFF,
    2055: CUT_OFF,
}
"""Number of an error -> reason."""
_OF_SQLITE = {
    "SQLITE_BUSY": LOCKED,
    "SQLITE_LOCKED": LOCKED,
    "SQLITE_CANTOPEN": NO_FILE,
    "SQLITE_NOTADB": NOT_A_DATABASE,
    "SQLITE_CORRUPT": NOT_A_DATABASE,
    "SQLITE_FULL": FULL,
    "SQLITE_READONLY": READ_ONLY,
    "SQLITE_IOERR": "the file of the database cannot be read or written",
    "SQLITE_PERM": NO_FILE,
}
"""Beginning of the name of an error -> reason."""
_DRIVERS = ("asyncpg", "asyncmy", "aiosqlite", "sqlite3", "pymysql")
_OF_SYSTEM = {errno.ECONNREFUSED: REFUSED, errno.ENOENT: REFUSED, errno.ECONNRESET: CUT_OFF, errno.EPIPE: CUT_OFF}


_WITHOUT_TLS = "rejected SSL upgrade"
"""The words of asyncpg, which has no class for it."""


def reason_of(error: BaseException) -> str | None:
    """Return why the database is away; None for an error of another kind: a broken rule, a bug."""
    if _is_of_tls(error):
        return CERTIFICATE
    if isinstance(error, DBAPIError):
        known = _of_driver(error.orig)
        return known or (CUT_OFF if error.connection_invalidated else None)
    if isinstance(error, NoConnectionFree):
        return BUSY
    if isinstance(error, SQLAlchemyError):
        return None
    if isinstance(error, TimeoutError):
        return NO_ANSWER_IN_TIME
    if type(error).__module__.partition(".")[0] in _DRIVERS:  # while it connects, SQLAlchemy translates not all of them
        return _of_driver(error) or NOT_ANSWERING
    if isinstance(error, OSError):
        return UNKNOWN_HOST if isinstance(error, socket.gaierror) else _OF_SYSTEM.get(error.errno or 0, NOT_ANSWERING)
    return None


def _is_of_tls(error: BaseException) -> bool:
    """Return True if an error, or one that it comes from, is that TLS did not come about."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError) or (isinstance(seen, ConnectionError) and _WITHOUT_TLS in str(seen)):
            return True
        seen = seen.__cause__
    return False


def _of_driver(error: Any) -> str | None:
    """Return the reason that a driver's error, or one that it comes from, names; None if none of ours."""
    seen: Any = error
    while seen is not None:
        found = _OF_POSTGRESQL.get(getattr(seen, "sqlstate", None) or "")
        name = getattr(seen, "sqlite_errorname", None) or ""
        found = found or next((reason for start, reason in _OF_SQLITE.items() if name.startswith(start)), None)
        number = seen.args[0] if getattr(seen, "args", ()) else None
        found = found or (_OF_MYSQL.get(number) if isinstance(number, int) else None)
        if found:
            return found
        seen = seen.__cause__
    if type(error).__name__ == "InterfaceError":
        return CUT_OFF
    return None
