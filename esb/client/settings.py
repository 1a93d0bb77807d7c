"""The settings of a client: which gateway, who calls, and how long it takes at most."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PATH = re.compile(r"[A-Za-z0-9_.~-]+(/[A-Za-z0-9_.~-]+)+")
LANGUAGES = frozenset({"", "en", "zh-hans"})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that all calls of a client share. `timeout` and `attempt_timeout` are in seconds."""

    url: str
    app_code: str
    app_secret: str = field(repr=False)
    bk_username: str = ""
    bk_token: str = field(default="", repr=False)
    language: str = ""
    timeout: float = 60.0
    attempt_timeout: float = 35.0
    retries: int = 3

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("url: http://host or https://host, perhaps with a port and a path")
        if parts.username is not None or parts.password is not None:
            raise ValueError("url: no user and no password; who calls is said by app_code and app_secret")
        if self.language not in LANGUAGES:
            raise ValueError("language: en or zh-hans")

    def target(self, component: str) -> str:
        """Return the path of a component: `system/name`, with a version or further parts where it has them."""
        path = component.strip("/")
        if not PATH.fullmatch(path) or "." in re.findall("[^/]+", path) or ".." in path.split("/"):
            raise ValueError(f"component: system/name, not {component!r}")
        return f"{urlsplit(self.url).path.rstrip('/')}/api/c/compapi/{path}/"

    def headers(self) -> dict[str, str]:
        """Return the headers that all calls have; credentials are among them."""
        said: Mapping[str, str] = {
            "bk_app_code": self.app_code,
            "bk_app_secret": self.app_secret,
            "bk_username": self.bk_username,
            "bk_token": self.bk_token,
        }
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-Bkapi-Authorization": json.dumps({name: value for name, value in said.items() if value}),
        }
        return {**headers, "Blueking-Language": self.language} if self.language else headers
