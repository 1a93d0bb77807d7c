"""Access tokens: the life of each kind, what a new one does to the old one, and why one is refused."""

import secrets
from collections.abc import Iterator
from math import inf

from esb.sandbox.state import OfficialAccount, State, Token, TokenSlot, WecomApp
from esb.sandbox.wire import Refusal

KEPT_PER_SLOT = 50


def plain(state: State, account: OfficialAccount) -> Token:
    """Issue a new token at every fetch; `mp.keep_previous` older ones live on for `mp.overlap_s`, the rest die."""
    token = _renew(state, account.plain, account)
    earlier = account.plain.earlier
    kept = max(0, len(earlier) - state.knobs.mp_keep_previous)
    for old in earlier[:kept]:
        _replace(old, state.now())
    for old in earlier[kept:]:
        _replace(old, state.now() + state.knobs.mp_overlap_s)
    return token


def stable(state: State, account: OfficialAccount, *, force: bool) -> Token:
    """Issue the same token until its last `stable.renew_window_s`; then a new one, and both work until the old expires.

    Forcing replaces it at once, at most `stable.force_per_day` times a day (45009) and not twice within
    `stable.force_gap_s`. Source: the vendor's page on getStableAccessToken.
    """
    now = state.now()
    if force and now - account.last_force >= state.knobs.stable_force_gap_s:
        if account.forced.today(now) >= state.knobs.stable_force_per_day:
            raise Refusal(45009)
        account.forced.add(now)
        account.last_force = now
        return _take_over(state, account.stable, account)
    current = account.stable.current
    if current and current.replaced_at > now and current.expires_at - now > state.knobs.stable_renew_window_s:
        return current
    return _renew(state, account.stable, account)


def wecom(state: State, app: WecomApp) -> Token:
    """Issue the same token until it expires; with `qy.same_token` off a new one each time, beside those before it."""
    current = app.slot.current
    if current and state.knobs.qy_same_token and state.now() < min(current.expires_at, current.replaced_at):
        return current
    return _renew(state, app.slot, app)


def expire(state: State, app: str | None) -> int:
    """End the life of every token of an app (None: of all apps); return how many there were."""
    ended = 0
    for _, slot in _slots(state, app):
        for token in filter(None, (*slot.earlier, slot.current)):
            token.expires_at = min(token.expires_at, state.now())
            ended += 1
    return ended


def rotate(state: State, app: str | None) -> int:
    """Replace the tokens in use, as if somebody else had fetched: refused from now on. Return how many there were."""
    rotated = 0
    for owner, slot in _slots(state, app):
        if slot.current:
            _take_over(state, slot, owner)
            rotated += 1
    return rotated


def official_account(state: State, value: str | None) -> OfficialAccount:
    """Return the account of a token: 41001 none given, 40014 another platform's, 40001 not latest, 42001 expired."""
    if not value:
        raise Refusal(41001)
    token = state.tokens.get(value)
    if token is None:
        raise Refusal(40001)
    if not isinstance(token.owner, OfficialAccount):
        raise Refusal(40014)
    now, knobs = state.now(), state.knobs
    if now >= token.replaced_at or now < token.issued_at + knobs.mp_new_token_lag_ms / 1000:
        raise Refusal(40001)
    if now >= token.expires_at:
        raise Refusal(42001)
    if token.replaced_at < inf and state.random.random() < knobs.mp_old_token_flaky:
        raise Refusal(40001)
    return token.owner


def wecom_app(state: State, value: str | None) -> WecomApp:
    """Return the app of a token: 41001 none given, 40014 foreign or replaced, 42001 expired."""
    if not value:
        raise Refusal(41001)
    token = state.tokens.get(value)
    if token is None or not isinstance(token.owner, WecomApp) or state.now() >= token.replaced_at:
        raise Refusal(40014)
    if state.knobs.qy_early_expire_prob and state.random.random() < state.knobs.qy_early_expire_prob:
        token.expires_at = state.now()
    if state.now() >= token.expires_at:
        raise Refusal(42001)
    return token.owner


def apps(state: State) -> list[str]:
    """Return the names of all apps that can have tokens."""
    return list(dict.fromkeys(owner.name for owner, _ in _slots(state, None)))


def _slots(state: State, app: str | None) -> Iterator[tuple[OfficialAccount | WecomApp, TokenSlot]]:
    for account in state.mp.values():
        if app in (None, account.name):
            yield account, account.plain
            yield account, account.stable
    for corporation in state.qy.values():
        for wecom_app in corporation.apps.values():
            if app in (None, wecom_app.name):
                yield wecom_app, wecom_app.slot


def _take_over(state: State, slot: TokenSlot, owner: OfficialAccount | WecomApp) -> Token:
    token = _renew(state, slot, owner)
    for old in slot.earlier:
        _replace(old, state.now())
    return token


def _replace(token: Token, at: float) -> None:
    token.replaced_at = min(token.replaced_at, at)


def _renew(state: State, slot: TokenSlot, owner: OfficialAccount | WecomApp) -> Token:
    now = state.now()
    token = Token(_value(owner), owner, now, now + state.knobs.token_ttl_s)
    if slot.current:
        slot.earlier.append(slot.current)
    if len(slot.earlier) > KEPT_PER_SLOT:
        del state.tokens[slot.earlier.pop(0).value]
    slot.current = token
    state.tokens[token.value] = token
    return token


def _value(owner: OfficialAccount | WecomApp) -> str:
    # As long as real ones, so that a client which cuts or badly quotes them is found out.
    if isinstance(owner, OfficialAccount):
        return f"{10 + secrets.randbelow(90)}_{secrets.token_urlsafe(105)}"
    return secrets.token_urlsafe(160)
