"""Rules about demos in production, ids that are none, and paths that are not what they seem."""

import re
from collections.abc import Iterator

from esb.config import VARIABLE
from esb.config.component_paths import ROOT, version_of
from esb.introspect.audit.rule import Place, rule
from esb.introspect.audit.subject import Subject

CORPID = re.compile(r"(ww|wx|wl|wp)[0-9A-Za-z]{14,32}")
"""The form of WeCom's corpids, newer and older, and of those that a service provider gets."""
APPID = re.compile(r"wx[0-9a-f]{16}")
SANDBOX_IDS = frozenset({"ww0000000000000001", "wx0000000000000001"})
BEFORE_ALL = "/api/c/"
DEMO_APPS = frozenset({"esb_demo"})


@rule(
    "W129",
    "medium",
    "this is no corpid: they are ww and 16 letters or digits, and the sandbox's own is not known to WeCom",
    "copy it from the page My company of WeCom's admin console",
)
def no_corpid(subject: Subject) -> Iterator[Place]:
    """Yield the ids that WeCom gave to no corporation."""
    return _made_up(subject, "wx_qy_corpid", CORPID)


@rule(
    "W130",
    "medium",
    "this is no appid: they are wx and 16 hexadecimal digits, and the sandbox's own is not known to WeChat",
    "copy it from the page Basic configuration of the official account",
)
def no_appid(subject: Subject) -> Iterator[Place]:
    """Yield the ids that WeChat gave to no official account."""
    return _made_up(subject, "wx_app_id", APPID)


def _made_up(subject: Subject, key: str, form: re.Pattern[str]) -> Iterator[Place]:
    """Yield the ids at this key that have another form, or are the sandbox's and go elsewhere."""
    for stanza, part in subject.components:
        value = part.value(key)
        if value and not part.reaches_loopback() and (value in SANDBOX_IDS or not form.fullmatch(value)):
            yield Place(stanza.config, (key,))


@rule(
    "W131",
    "high",
    "a sandbox stands beside a gateway that other machines reach: messages that go there reach nobody",
    "leave it out in production",
)
def public_sandbox(subject: Subject) -> Iterator[Place]:
    """Yield the sandbox of a gateway that is in use."""
    if subject.config.sandbox is not None and subject.is_public:
        yield Place(subject.root, ("sandbox",))


@rule(
    "W132",
    "high",
    "the app of the demo can call a gateway that other machines reach",
    "leave it out in production",
)
def public_demo_app(subject: Subject) -> Iterator[Place]:
    """Yield the app of the demo, in a gateway that is in use."""
    for code, entry in subject.app_entries() if subject.is_public else ():
        if code in DEMO_APPS:
            yield Place(entry, ("code",))


@rule(
    "W133",
    "medium",
    "every caller of this component may send to the whole corporation at once",
    "leave wx_qy_allow_all out, or grant this component to a few apps alone",
)
def sends_to_all(subject: Subject) -> Iterator[Place]:
    """Yield the components that send to @all."""
    for stanza, part in subject.components:
        if part.value("wx_qy_allow_all"):
            yield Place(stanza.config, ("wx_qy_allow_all",))


@rule(
    "W134",
    "low",
    "calls for the test environment (X-Use-Test-Env) go to production: nothing differs",
    "write what differs, or leave test_config out, so that such calls are refused",
)
def tests_in_production(subject: Subject) -> Iterator[Place]:
    """Yield the test environments that are none."""
    for stanza, part in subject.components:
        if stanza.test_config is not None and not stanza.test_config.value and not part.reaches_loopback():
            yield Place(stanza.section, ("test_config",))


@rule(
    "W135",
    "medium",
    "the path lacks its system: it is /system/component/, and rights are given over system.component",
    "write the system before it, such as /cmsi/send_weixin/, or give the component a `name:`",
)
def path_without_system(subject: Subject) -> Iterator[Place]:
    """Yield the paths with one word, or with a variable where the system stands."""
    for stanza in subject.config.components:
        parts = stanza.path.strip("/").split("/")[1 if version_of(stanza.path) else 0 :]
        if not stanza.given_name and stanza.path != "/" and (len(parts) == 1 or VARIABLE.fullmatch(parts[0])):
            yield Place(stanza.section, ("path",))


@rule(
    "W136",
    "medium",
    f"callers would have to write {ROOT} twice: the path is what stands behind it",
    f"leave {ROOT} out",
)
def root_in_path(subject: Subject) -> Iterator[Place]:
    """Yield the paths that begin with what all paths begin with anyway."""
    for stanza in subject.config.components:
        if stanza.path.startswith(BEFORE_ALL):
            yield Place(stanza.section, ("path",))
        for index, alias in enumerate(stanza.aliases):
            if alias.startswith(BEFORE_ALL):
                yield Place(stanza.section, ("aliases", index))


RULES = (
    no_corpid,
    no_appid,
    public_sandbox,
    public_demo_app,
    sends_to_all,
    tests_in_production,
    path_without_system,
    root_in_path,
)
