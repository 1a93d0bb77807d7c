"""Rules about who may call, and about the secrets that prove it."""

import re
from collections.abc import Iterator

from esb.config.yaml import did_you_mean
from esb.core.redaction import sounds_secret
from esb.gateway.chains import APP_AUTH, PERMISSION
from esb.introspect.audit.rule import Place, each_secret, rule
from esb.introspect.audit.subject import Secret, Subject
from esb.introspect.component_globs import declared_names, matches_one

SHORTEST = 16
"""Characters of a secret that nobody guesses."""
FEWEST_CHARACTERS = 6
"""Different characters of a secret that somebody made at random, at least."""
DEMO = frozenset(
    (
        "demo-secret",
        "no-rights-secret",
        "corp-secret",
        "mp-secret",
        "bot-key",
        "demo-token",
        "my-secret",
        "tencent-secret",
    )
)
"""Secrets of the documentation and of the sandbox, which everybody can read."""
_MADE_BY_HAND = re.compile(r"(change|replace).?me|example|secret|passw|123456|qwerty|letmein|admin", re.IGNORECASE)
_ALL = re.compile(r"[*?]*\*[*?]*")


@rule(
    "W102",
    "high",
    "whoever reaches this path may call it: no app_auth stands in this chain",
    "another middleware that knows its callers is accepted with a comment",
)
def open_to_all(subject: Subject) -> Iterator[Place]:
    """Yield the chains that ask nobody who calls."""
    if not subject.chains_are_known:
        return
    shares = False
    for stanza in subject.config.components:
        if APP_AUTH not in subject.chain(stanza):
            shares |= stanza.middlewares is None
            if stanza.middlewares is not None:
                yield Place(stanza.section, ("middlewares",))
    if shares:
        yield Place(subject.root, ("middlewares",))


@rule(
    "W103",
    "medium",
    f"a token of less than {SHORTEST} characters can be guessed",
    "`openssl rand -hex 24` makes one",
)
def short_path_token(subject: Subject) -> Iterator[Place]:
    """Yield the tokens in paths that are too short."""
    for stanza in subject.config.components:
        for index, entry in enumerate(stanza.tokens):
            if len(entry.token) < SHORTEST:
                yield Place(stanza.section, ("tokens", index, "token"))


@rule("W104", "low", "the token opens nothing", "declare the app, or take the token away")
def token_of_nobody(subject: Subject) -> Iterator[Place]:
    """Yield the tokens in paths that are of apps that are not there."""
    for stanza in subject.config.components:
        for index, entry in enumerate(stanza.tokens):
            if about := subject.lack_of_app(entry.app):
                yield Place(stanza.section, ("tokens", index, "app"), about)


@rule(
    "W105",
    "medium",
    "this glob matches none of the components",
    "globs stand for names such as cmsi.send_weixin: `esb components` lists the paths that they are made of",
)
def glob_without_match(subject: Subject) -> Iterator[Place]:
    """Yield the globs of apps that give nothing, as one with a slash or a spelling mistake in it."""
    names = declared_names(subject.config)
    for owner, granted in subject.granted_globs() if names and subject.components_are_known else ():
        for index, glob in granted.children.items():
            if isinstance(glob.value, str) and not _ALL.fullmatch(glob.value) and not matches_one(glob.value, names):
                yield Place(owner, ("components", index), f"'{glob.value}'{did_you_mean(glob.value, names)}: ")


@rule(
    "W106",
    "medium",
    "the app may name any user without proof, administrators too",
    "name users or globs, and let it send bk_token for the others",
)
def impersonates_all(subject: Subject) -> Iterator[Place]:
    """Yield the globs by which an app may name everybody."""
    for _, entry in subject.app_entries():
        users = entry.children.get("impersonate")
        for index, glob in users.children.items() if users is not None else ():
            if isinstance(glob.value, str) and _ALL.fullmatch(glob.value):
                yield Place(entry, ("impersonate", index))


@rule(
    "W107",
    "high",
    "this secret stands in the documentation, so that everybody knows it",
    "`openssl rand -hex 24` makes one of your own",
)
@each_secret
def demo_secret(secret: Secret) -> bool:
    """Return whether this is the secret of a demo, and leaves this machine."""
    return secret.text in DEMO and not secret.stays_here


@rule(
    "W108",
    "high",
    f"this secret can be guessed: it has less than {SHORTEST} characters, or was not made at random",
    "`openssl rand -hex 24` makes one",
)
@each_secret
def weak_secret(secret: Secret) -> bool:
    """Return whether an app's secret is short, or a word. Vendors make theirs themselves, and those are long."""
    return secret.of_caller and "tokens" not in secret.keys and secret.text not in DEMO and _is_weak(secret.text)


def _is_weak(text: str) -> bool:
    short = len(text) < SHORTEST or len(set(text)) < FEWEST_CHARACTERS
    return short or _MADE_BY_HAND.search(text) is not None


@rule(
    "W109",
    "medium",
    "the same secret stands in two places: whoever knows the one knows the other",
    "give each its own",
)
def same_secret_twice(subject: Subject) -> Iterator[Place]:
    """Yield the secrets by which callers prove who they are, and which are another's too."""
    first: dict[str, Secret] = {}
    for secret in subject.secrets:
        other = first.setdefault(secret.text, secret)
        if other is not secret and other.of_caller and secret.text:
            about = f"as at {other.section.mistake('', *other.keys).key}: "
            yield Place(secret.section, secret.keys, about)


@rule(
    "W110",
    "medium",
    "a secret in the file itself: whoever may read the configuration, or its history, has it",
    "write ${file:secrets/NAME} or ${VARIABLE}",
)
@each_secret
def literal_secret(secret: Secret) -> bool:
    """Return whether a secret stands in the files, and is not known to all anyway."""
    told = secret.text in DEMO or (secret.of_caller and _is_weak(secret.text))
    return secret.is_literal and bool(secret.text.strip()) and not told and _hides(secret)


def _hides(secret: Secret) -> bool:
    """Return whether this is a secret at all, and no address without a password, no header of a common sort."""
    if "headers" in secret.keys or "params" in secret.keys:
        return sounds_secret(str(secret.keys[-1]))
    return "://" not in secret.text or "@" in secret.text or "?" in secret.text


@rule(
    "W111",
    "medium",
    "this secret begins or ends with a blank or a line end, which hardly belongs to it",
    "`printf %s SECRET > FILE` writes a file without one",
)
@each_secret
def blank_around_a_secret(secret: Secret) -> bool:
    """Return whether a secret was copied together with what stood around it."""
    return secret.text != secret.text.strip() and "PRIVATE KEY" not in secret.text


@rule(
    "W112",
    "medium",
    "this secret is empty",
    "leave the key out, or look where its value should come from",
)
@each_secret
def empty_secret(secret: Secret) -> bool:
    """Return whether a secret that stands in the files is none."""
    return not secret.text.strip()


@rule(
    "W113",
    "medium",
    "every app may call this component: without permission in its chain, the `components` of apps do not count",
    "write `- use: permission` behind app_auth",
)
def chain_without_permission(subject: Subject) -> Iterator[Place]:
    """Yield the chains of single components that know the app, and do not ask what it may."""
    limited = any(True for _ in subject.granted_globs())
    for stanza in subject.config.components if limited and subject.chains_are_known else ():
        chain = subject.chain(stanza)
        if stanza.middlewares is not None and APP_AUTH in chain and PERMISSION not in chain:
            yield Place(stanza.section, ("middlewares",))


RULES = (
    open_to_all,
    short_path_token,
    token_of_nobody,
    glob_without_match,
    impersonates_all,
    demo_secret,
    weak_secret,
    same_secret_twice,
    literal_secret,
    blank_around_a_secret,
    empty_secret,
    chain_without_permission,
)
