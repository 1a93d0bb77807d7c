"""Values of headers that name the caller: `{username}`, `{app}` and `{language}` in what a stanza says."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from esb.core.call import Call

_PLACEHOLDER = re.compile(r"\{(username|app|language)\}")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
"""Characters that stand in a header as they are; of others, a name in Chinese say, their UTF-8 is percent-encoded."""


class HeaderValues:
    """The headers of one stanza, some of which may hold placeholders."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._fixed = {name: value for name, value in headers.items() if _PLACEHOLDER.search(value) is None}
        self._filled = {name: value for name, value in headers.items() if name not in self._fixed}

    def of(self, call: Call) -> dict[str, str]:
        """Return the headers for this call. One that names nobody, since nobody is known, is left out."""
        if not self._filled:
            return self._fixed
        known = {
            "username": "" if call.user is None else call.user.username,
            "app": "" if call.app is None else call.app.code,
            "language": call.language,
        }
        headers = dict(self._fixed)
        for name, value in self._filled.items():
            if all(known[each] for each in _PLACEHOLDER.findall(value)):
                headers[name] = _PLACEHOLDER.sub(lambda match: quote(known[match[1]], safe=_PRINTABLE), value)
        return headers
