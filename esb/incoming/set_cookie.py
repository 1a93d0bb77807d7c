"""The cookies that an answer sets: none of them is the one by which the gateway knows who is logged in."""

from collections.abc import Collection

from multidict import CIMultiDict

SET_COOKIE = "Set-Cookie"


def keep_own(headers: CIMultiDict[str], credentials: Collection[str]) -> None:
    """Take the lines out that set one of these cookies, in whatever case, or one without a name.

    A browser sends `=name=value` back as name=value.
    """
    lines = headers.popall(SET_COOKIE, ())
    for line in lines:
        name = line.partition(";")[0].partition("=")[0].strip()
        if name and name.lower() not in credentials:
            headers.add(SET_COOKIE, line)
