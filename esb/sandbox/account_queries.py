"""Questions of an official account about itself: its templates, and what is left of a day's quota.

Sources: developers.weixin.qq.com/doc/service/api/notify/template/api_getalltemplates,
developers.weixin.qq.com/doc/service/api/apimgnt/api_getapiquota.
"""

from collections.abc import Mapping

from esb.sandbox import tokens
from esb.sandbox.inbox import Reply
from esb.sandbox.knobs import Knobs
from esb.sandbox.official_account import opened
from esb.sandbox.state import State
from esb.sandbox.wire import Call, Refusal

USUAL_KEYS = ("first", "keyword1", "keyword2", "remark")
"""Keys of a template that takes any data: it has to show some."""
UNLIMITED = 100_000
"""The daily limit of an interface whose knob is off, as real accounts have it for template messages."""
COUNTERS: Mapping[str, tuple[str, str]] = {
    "/cgi-bin/message/template/send": ("template", "mp_template_per_day"),
    "/cgi-bin/message/custom/send": ("custom", "mp_custom_per_day"),
    "/cgi-bin/token": ("/cgi-bin/token", "mp_token_per_day"),
    "/cgi-bin/stable_token": ("/cgi-bin/stable_token", "mp_token_per_day"),
}
"""Interface -> its counter, and the knob that limits it."""


def private_templates(state: State, call: Call) -> Reply:
    """GET /cgi-bin/template/get_all_private_template. Its answer has no errcode."""
    account = tokens.official_account(state, call.query.get("access_token"))
    listed = [
        {
            "template_id": template_id,
            "title": "sandbox",
            "primary_industry": "",
            "deputy_industry": "",
            "content": "\n".join(f"{{{{{key}.DATA}}}}" for key in keys or USUAL_KEYS),
            "example": "",
        }
        for template_id, keys in account.templates.items()
    ]
    return {"template_list": listed}, None


def quota(state: State, call: Call) -> Reply:
    """POST /cgi-bin/openapi/quota/get: of one interface, by its path; 76021 for one that is not counted."""
    account, request = opened(state, call)
    counter, knob = COUNTERS.get(str(request.get("cgi_path")), ("", ""))
    if not counter:
        raise Refusal(76021)
    limit = _limit(state.knobs, knob)
    used = account.today[counter].today(state.now())
    told = {"daily_limit": limit, "used": used, "remain": max(0, limit - used)}
    return {"errcode": 0, "errmsg": "ok", "quota": told}, None


def _limit(knobs: Knobs, name: str) -> int:
    return int(getattr(knobs, name)) or UNLIMITED
