"""What WeChat's errcodes mean, one table a platform: the same number often means different things on the two.

Sources: developers.weixin.qq.com (global return codes, stable_token, template messages) and
developer.work.weixin.qq.com (document paths 90313 global error codes, 90236 message/send, 90454 frequency limits).
"""

import re
from datetime import UTC, datetime, timedelta, timezone

TOKEN_DEAD = frozenset({40001, 40014, 42001})
"""On a send, on both platforms: the access token is not valid any more. A fresh one may be; try once."""

OFFICIAL_ACCOUNT_REFUSED = frozenset(
    {40001, 40002, 40013, 40125, 40164, 40243, 41002, 41004, 45035, 61004, 89501, 89503, 89506, 89507}
)
"""On a token fetch: the appid, its secret or our address is refused, and asking again will not help."""

WECOM_REFUSED = frozenset({40001, 40013, 41002, 41004, 50003, 60020})
"""The same for WeCom, which bans addresses that keep asking with a wrong secret."""

RATE_LIMITED = frozenset({45009, 45011})

_BEIJING = timezone(timedelta(hours=8))
_ADDRESS = re.compile(r",?\s*(?:(?:for )?(?:more (?:info|details)|view more) at:?\s*)?https?://\S+", re.IGNORECASE)


def retry_after(platform: str, errcode: int, now: datetime | None = None) -> float:
    """After how many seconds a rate limit is over: the next minute, or for an official account's 45009 the next day."""
    if platform == "mp" and errcode == 45009:
        moment = (now or datetime.now(UTC)).astimezone(_BEIJING)
        midnight = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return round((midnight - moment).total_seconds())
    return 60.0


def readable(errmsg: str, secrets: tuple[str, ...]) -> str:
    """WeChat's errmsg as a caller may read it: no address, no secret of ours, at most 300 characters."""
    text = _ADDRESS.sub("", errmsg)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text.strip()[:300]
