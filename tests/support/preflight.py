"""A preflight of a configuration in a test: what it found of one subject, by the ids of its checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from esb.config import load
from esb.introspect.doctor import Examined, examine

CORPID, APPID, TEMPLATE = "ww0000000000000001", "wx0000000000000001", "T" * 43
WECOM = {
    "wx_qy_corpid": CORPID,
    "wx_qy_corpsecret": "corp-secret",
    "wx_qy_agentid": 1000002,
    "wx_qy_host": "${sandbox}",
}
OFFICIAL_ACCOUNT = {
    "wx_app_id": APPID,
    "wx_secret": "mp-secret",
    "wx_template_id": TEMPLATE,
    "wx_mp_host": "${sandbox}",
}


@dataclass(frozen=True)
class Preflight:
    """All that was found."""

    found: Sequence[Examined]

    def of(self, subject: str) -> dict[str, Examined]:
        """The checks of this subject, by id."""
        return {each.id: each for each in self.found if each.subject == subject}

    @property
    def failed(self) -> list[str]:
        """SUBJECT ID of each failure."""
        return [f"{each.subject} {each.id}" for each in self.found if each.result == "fail"]

    @property
    def text(self) -> str:
        return "\n".join(f"{each.what} {each.cause} {each.fix}" for each in self.found)


def component(use: str, config: Mapping[str, Any], path: str = "", **keys: Any) -> dict[str, Any]:
    return {"path": path or f"/cmsi/{use.removeprefix('cmsi_')}/", "use": use, "config": config, **keys}


async def preflight(
    folder: Path,
    *stanzas: Mapping[str, Any],
    sandbox_url: str | None = None,
    components: Sequence[str] = (),
    send_to: str = "",
    **parts: Any,
) -> Preflight:
    """Examine an esb.yaml with these components, and these `parts` besides."""
    path = folder / "esb.yaml"
    path.write_text(yaml.safe_dump({"version": 1, **parts, "components": list(stanzas)}))
    return Preflight(await examine(load(path, {}, sandbox_url=sandbox_url), components, send_to))
