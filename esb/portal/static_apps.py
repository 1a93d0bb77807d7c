"""Apps that stand in esb.yaml, as pages show them: read only, and without their secrets."""

from collections.abc import Iterator
from typing import Any

from esb.config import Config
from esb.introspect import config_view


def static_apps(config: Config) -> list[dict[str, Any]]:
    """Return the apps of `use: static` in the order of their codes, with what the configuration says of each."""
    view = config_view.service(config, "apps")
    return sorted(map(_shown, _apps(view or {})), key=lambda app: str(app["code"]))


def _apps(view: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the apps of a back end, and of those that `use: chain` asks."""
    config = view.get("config")
    if isinstance(config, dict):  # hidden as a whole if a plugin's file has changed since
        if view["use"] == "static":
            yield from config.get("apps") or ()
        for backend in config.get("backends") or ():
            yield from _apps(backend)


def _shown(app: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": app["code"],
        "disabled": app.get("disabled", False),
        "expires": app.get("expires"),
        "owners": app.get("owners", []),
        "components": app.get("components", [] if "grants" in app else ["*"]),
        "grants": app.get("grants", []),
        "impersonate": app.get("impersonate", []),
        "callbacks": sorted(app.get("callbacks", {})),
        "settings": app.get("settings", {}),
    }
