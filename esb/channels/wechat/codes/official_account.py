"""The errcodes that a sender to an official account (公众号) can meet.

Sources: developers.weixin.qq.com: global return codes, getStableAccessToken, template, subscription and
customer-service messages, API call limits; WxJava's WxMpErrorMsgEnum for codes that the pages leave out.
"""

from esb.channels.verdict import Meaning, Table

ON_FETCH: Table = {
    -1: Meaning("busy", "WeChat is busy: repeat in a moment."),
    40001: Meaning("config", "The AppSecret is wrong or belongs to another appid: check wx_app_id and wx_secret."),
}
"""Codes that mean something else when a token is fetched."""

OFFICIAL_ACCOUNT: Table = {
    -1: Meaning("busy", "WeChat is busy, and may have taken the message: see whether it arrived before you repeat it."),
    # Credential and token
    40001: Meaning(
        "token",
        "The access token is no longer valid: someone else fetched one. If this lasts, use wx_token_api: stable.",
    ),
    40002: Meaning("config", "WeChat does not know this grant_type: check that wx_mp_host leads to WeChat."),
    40013: Meaning("config", "WeChat does not know this appid: check wx_app_id, also upper and lower case."),
    40014: Meaning("token", "The access token is malformed or another account's. If this lasts, check wx_mp_host."),
    40125: Meaning("config", "The AppSecret is wrong: copy it anew from the account's settings into wx_secret."),
    40164: Meaning(
        "config",
        "WeChat saw {ip}, which is not in the account's IP whitelist: the account's administrator adds it there.",
    ),
    40243: Meaning("config", "The AppSecret is frozen: the account's administrator unfreezes it."),
    41001: Meaning("token", "The access token did not arrive: a proxy must not drop the query of the URL."),
    41002: Meaning("config", "The appid did not arrive: check wx_app_id and any proxy before WeChat."),
    41004: Meaning("config", "The AppSecret did not arrive: check wx_secret and any proxy before WeChat."),
    42001: Meaning("token", "The access token has expired."),
    45035: Meaning("config", "WeChat saw {ip}, which the account does not allow: its administrator adds it."),
    61004: Meaning("config", "WeChat saw {ip}, which is not registered: the account's administrator adds it."),
    61007: Meaning("config", "The account has not granted this right to the platform: authorize it again."),
    89501: Meaning("config", "WeChat holds {ip} for risky: the account's administrator confirms it in WeChat."),
    89503: Meaning("config", "WeChat holds {ip} for risky and waits: the administrator confirms it in WeChat."),
    89506: Meaning("config", "The administrator refused {ip} twice: calls from it are refused for a day."),
    89507: Meaning("config", "The administrator refused {ip}: calls from it are refused for an hour."),
    # Requests that were turned into others on their way
    43001: Meaning("config", "WeChat wants GET here: a proxy changed the request, or wx_mp_host is wrong."),
    43002: Meaning(
        "config", "WeChat wants POST here: a redirect changed the request; wx_mp_host must begin with https."
    ),
    43003: Meaning("config", "WeChat wants https: wx_mp_host must begin with https."),
    # Rights of the account
    43107: Meaning("config", "The account's right to subscription messages is blocked: see its notices."),
    45109: Meaning("config", "The account has lost this interface: move to another kind of message."),
    48001: Meaning("config", "The account has no right to this interface: verify it, or apply for the right."),
    48004: Meaning("config", "The interface is blocked after a violation: see the account's notices."),
    48008: Meaning("config", "The account may not send messages of this kind: apply for the right."),
    50001: Meaning("config", "The account has not granted this interface: authorize it again."),
    # Templates
    40036: Meaning("config", "The template id is missing or too long: check wx_template_id."),
    40037: Meaning("config", "The account has no such template (any more): check wx_template_id."),
    43116: Meaning("config", "The template is banned: choose another one and put it in wx_template_id."),
    # Receivers
    40003: Meaning("receiver", "Unknown openid, or its owner does not follow this account: check the openid."),
    43004: Meaning("receiver", "The receiver does not follow the account: only followers can be reached."),
    43005: Meaning("receiver", "The receiver is no friend of the account: only friends can be reached."),
    43019: Meaning("receiver", "The receiver is on the account's blacklist: take it off to reach it."),
    43101: Meaning("receiver", "The receiver has not (or no longer) agreed to this message: ask for consent anew."),
    45015: Meaning("receiver", "The receiver was silent for too long: customer-service messages need a recent action."),
    45047: Meaning("receiver", "All customer-service messages for the receiver's last action are used up."),
    46004: Meaning("receiver", "WeChat does not know this receiver: check the openid."),
    48002: Meaning("receiver", "The receiver has switched off messages from this account."),
    50002: Meaning("receiver", "The receiver is restricted by WeChat, or its account is closed."),
    50005: Meaning("receiver", "The receiver does not follow the account: only followers can be reached."),
    # The message
    40004: Meaning("message", "WeChat does not take media of this kind."),
    40005: Meaning("message", "WeChat does not take files of this type."),
    40006: Meaning("message", "The file has a size that WeChat does not take."),
    40007: Meaning("message", "The media_id is wrong or older than three days: upload the file again."),
    40008: Meaning("message", "WeChat does not know this type of message: check msgtype."),
    40009: Meaning("message", "The image is too large."),
    40010: Meaning("message", "The voice recording is too large."),
    40011: Meaning("message", "The video is too large."),
    40012: Meaning("message", "The preview image is too large."),
    40033: Meaning("message", "The message holds characters that WeChat does not take, such as \\uxxxx escapes."),
    40035: Meaning("message", "A parameter of the message is wrong: see errmsg."),
    40039: Meaning("message", "The link is too long: at most 1024 bytes."),
    40066: Meaning("message", "The link is wrong: it must be a whole address with http:// or https://."),
    40097: Meaning("message", "A parameter of the message is wrong: see errmsg."),
    40165: Meaning("message", "The mini program has no such page: check pagepath."),
    41006: Meaning("message", "The media_id is missing."),
    41030: Meaning("message", "The mini program has no such page, or is not published: check page."),
    44001: Meaning("message", "The file is empty."),
    44002: Meaning("message", "The body of the request arrived empty: check any proxy before WeChat."),
    44003: Meaning("message", "The message holds no articles."),
    44004: Meaning("message", "The text is empty."),
    45001: Meaning("message", "The file is too large."),
    45002: Meaning("message", "The text is too long: customer-service messages take about 2048 bytes."),
    45003: Meaning("message", "The title is too long."),
    45004: Meaning("message", "The description is too long."),
    45005: Meaning("message", "The link is too long."),
    45006: Meaning("message", "The picture's link is too long."),
    45008: Meaning("message", "The message holds too many articles."),
    46001: Meaning("message", "WeChat has no media with this id (any more): upload the file again."),
    47001: Meaning("message", "WeChat cannot read the message as JSON."),
    47003: Meaning("message", "A template field breaks the rule of its type: errmsg names the field."),
    61451: Meaning("message", "A parameter of the customer-service message is wrong: see errmsg."),
    61452: Meaning("message", "The account has no such customer-service agent: check kf_account."),
    # Too much, too fast, and later
    40252: Meaning("held", "WeChat reviews the content and delivers it afterwards by itself: do not send it again."),
    43108: Meaning("busy", "Another message to the same receiver is under way: repeat in a moment."),
    45009: Meaning("quota", "The day's quota is used up: it opens again at midnight, Beijing time."),
    45011: Meaning("quota", "Too many calls in this minute: send again in the next one, and more slowly."),
    61450: Meaning("busy", "WeChat's customer service is busy: repeat in a moment."),
}
