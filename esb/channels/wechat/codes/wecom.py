"""The errcodes that a sender to WeCom (企业微信) can meet: messages of an app, group robots, looking people up.

Source: developer.work.weixin.qq.com, document paths 90313 (global error codes), 90236 (message/send),
90454 (frequency limits), 99110 (group robots), 90248 (group chats of an app).
"""

from esb.channels.verdict import Meaning, Table

ON_FETCH: Table = {
    -1: Meaning("busy", "WeChat is busy: repeat in a moment."),
    40001: Meaning(
        "config", "The secret is wrong, was reset, or its app is disabled: check wx_qy_corpid and wx_qy_corpsecret."
    ),
}
"""Codes that mean something else when a token is fetched."""

CARD_FIELDS = {
    42014: "task_id",
    42017: "button_list.key",
    42018: "button_list.key",
    42019: "button_list.key",
    42020: "button_list.text",
    42027: "horizontal_content_list.keyname",
    42028: "url",
    42029: "horizontal_content_list.media_id",
    42030: "appid",
    42031: "card_type",
    42033: "title",
    42035: "horizontal_content_list",
    42036: "vertical_content_list",
    42037: "option_list",
    42038: "button_list.text",
    42039: "button_list.key",
    42040: "option_list.id",
    42041: "option_list.text",
    42042: "jump_list",
    42043: "question_key",
    42044: "card_image.url",
    42045: "card_action",
    42046: "submit_button.key",
    42047: "select_list",
    42049: "submit_button.text",
    42050: "horizontal_content_list.userid",
    42051: "action_menu.action_list.key",
}
"""Each of these codes says that one field of a template_card is missing, wrong, or has too many entries."""

WECOM: Table = {
    -1: Meaning("busy", "WeChat is busy, and may have taken the message: see whether it arrived before you repeat it."),
    # Credential and token
    40001: Meaning(
        "token", "The access token is not accepted. If this lasts, the secret was reset or the app disabled."
    ),
    40013: Meaning("config", "WeChat does not know this corpid: check wx_qy_corpid."),
    40014: Meaning("token", "The access token has expired or is another app's. If this lasts, check wx_qy_host."),
    40091: Meaning("config", "The secret belongs to another corporation: check wx_qy_corpid and wx_qy_corpsecret."),
    41001: Meaning("token", "The access token did not arrive: a proxy must not drop the query of the URL."),
    41002: Meaning("config", "The corpid did not arrive: check wx_qy_corpid and any proxy before WeChat."),
    41004: Meaning("config", "The secret did not arrive: check wx_qy_corpsecret and any proxy before WeChat."),
    42001: Meaning("token", "The access token has expired."),
    42007: Meaning("config", "An authorization code of a supplier's app has expired: authorize the app again."),
    45031: Meaning("config", "WeChat holds the secret for unsafe: reset it and put the new one in wx_qy_corpsecret."),
    60020: Meaning(
        "config",
        "WeChat saw {ip}, which is no trusted IP of the app: add it in the admin console; it works a minute later.",
    ),
    # Rights of the app
    40056: Meaning("config", "The corporation has no app with this agentid: check wx_qy_agentid."),
    40136: Meaning("config", "The app's trial has ended: renew it in the admin console."),
    40137: Meaning("config", "The app's service has ended: renew it in the admin console."),
    40141: Meaning("config", "WeChat has restricted the corporation: see the admin console."),
    43009: Meaning("config", "The corporation is not verified: verify it in the admin console."),
    43012: Meaning("config", "The app needs a callback address for this message: set it in the admin console."),
    48001: Meaning("config", "The corporation has no right to this interface: see the admin console."),
    48002: Meaning("config", "The app has no right to this interface: a contact-sync secret, for one, cannot send."),
    48004: Meaning("config", "The corporation has withdrawn the app's authorization: authorize it again."),
    48005: Meaning("config", "WeCom has withdrawn this interface: the gateway needs a newer one."),
    48006: Meaning("config", "The app lay idle and lost its rights: an administrator enables it again."),
    50003: Meaning("config", "The app is disabled: enable it in the admin console."),
    301002: Meaning(
        "config", "The secret and the agentid are of different apps: check wx_qy_corpsecret and wx_qy_agentid."
    ),
    # Group chats and robots
    40050: Meaning("config", "The group chat does not exist: create it first."),
    49008: Meaning("config", "The group has been dissolved."),
    86001: Meaning("config", "The chatid is not well formed: only letters and digits, at most 32."),
    86003: Meaning("config", "The app has no group chat with this chatid."),
    86008: Meaning("config", "The group chat was made by another app: only that one can send to it."),
    86201: Meaning("message", "The chatid is missing."),
    86216: Meaning("config", "The group chat has a member who is not in the contacts (any more)."),
    86217: Meaning("config", "The sender is no member of the group chat."),
    86220: Meaning("message", "WeCom does not send this type of message to a group chat."),
    86224: Meaning("config", "This kind of group cannot be written to through the interface."),
    93000: Meaning("config", "The webhook key is wrong, or the robot was removed from its group: check webhook_key."),
    93004: Meaning("config", "The robot is disabled: enable it in its group."),
    93008: Meaning("config", "The robot is no longer in the group: add it again and put its new key in webhook_key."),
    # Receivers
    40003: Meaning("receiver", "The corporation has no member with this userid: check it in the contacts."),
    40066: Meaning("receiver", "A department in the list does not exist."),
    40068: Meaning("receiver", "A tag in the list does not exist."),
    40070: Meaning("receiver", "Nobody in the list is in the contacts."),
    40073: Meaning("receiver", "The openid does not exist."),
    43004: Meaning("receiver", "The member has not linked WeChat to WeCom."),
    46004: Meaning("receiver", "The contacts hold nobody with this userid, number or mail address."),
    50002: Meaning("receiver", "The member is outside of what the app may see: widen the app's visible range."),
    60003: Meaning("receiver", "The department does not exist."),
    60011: Meaning("receiver", "The receiver is outside of the app's visible range: widen it in the admin console."),
    60021: Meaning("receiver", "The userid is outside of the app's visible range: widen it in the admin console."),
    60103: Meaning("receiver", "The telephone number is not well formed: at most 32 digits, + and -."),
    60105: Meaning("receiver", "The mail address is not well formed."),
    60111: Meaning("receiver", "The userid is unknown, has left, or is outside of the app's visible range."),
    60123: Meaning("receiver", "The department does not exist."),
    81013: Meaning("receiver", "No receiver is both in the contacts and in the app's visible range."),
    92000: Meaning("receiver", "The member is outside of the app's visible range: widen it in the admin console."),
    # How receivers are listed
    40031: Meaning("message", "The list of userids is wrong: check their spelling."),
    40032: Meaning("message", "Too many receivers: at most 1000 in one call."),
    81012: Meaning("message", "The message has no receiver."),
    82001: Meaning("message", "The message has no receiver."),
    82002: Meaning("message", "Too many departments: at most 100 in one call."),
    82003: Meaning("message", "Too many tags: at most 100 in one call."),
    # The message
    40004: Meaning("message", "WeChat does not take media of this kind."),
    40005: Meaning("message", "WeChat does not take files of this type."),
    40006: Meaning("message", "The file has a size that WeChat does not take."),
    40007: Meaning("message", "The media_id is wrong or older than three days: upload the file again."),
    40008: Meaning("message", "WeChat does not know this type of message: check msgtype."),
    40009: Meaning("message", "The image is too large."),
    40011: Meaning("message", "The video is too large."),
    40033: Meaning("message", "The message holds characters that WeChat does not take, such as \\uxxxx escapes."),
    40035: Meaning("message", "A parameter of the message is wrong: see errmsg."),
    40039: Meaning("message", "The link is too long: at most 1024 bytes."),
    40054: Meaning("message", "The link's domain is not one that the app trusts."),
    40055: Meaning("message", "The link's domain is not one that the app trusts."),
    40058: Meaning("message", "A parameter of the message is wrong, missing or too long: see errmsg."),
    40063: Meaning("message", "A parameter of the message is missing: see errmsg."),
    40074: Meaning("message", "Messages of type news cannot be confidential: use mpnews."),
    40094: Meaning("message", "The link is wrong: it must be a whole address with http:// or https://."),
    40123: Meaning("message", "The image is damaged, or no image."),
    40127: Meaning("message", "WeCom does not take links of this scheme."),
    40201: Meaning("message", "WeCom holds the content for spam or sensitive, and does not deliver it."),
    41006: Meaning("message", "The media_id is missing."),
    41010: Meaning("message", "The link is missing."),
    41011: Meaning("message", "The agentid is missing."),
    41016: Meaning("message", "The title is missing."),
    41033: Meaning("message", "The description is missing."),
    44001: Meaning("message", "The file is empty."),
    44004: Meaning("message", "The text is empty."),
    45001: Meaning("message", "The file is too large."),
    45002: Meaning("message", "The content is too long: text takes 2048 bytes, mpnews 666 KB."),
    45007: Meaning("message", "The voice recording is too long: at most 60 seconds."),
    45008: Meaning("message", "The message holds too many articles: at most 8."),
    45032: Meaning("message", "The author's name is too long: at most 64 bytes."),
    45034: Meaning("message", "The link is wrong: it must be a whole address with http:// or https://."),
    60140: Meaning("message", "The response_code is wrong, used up, or older than 72 hours."),
    82004: Meaning("message", "The message holds content that could crash clients; WeCom does not deliver it."),
    90200: Meaning("message", "The mini program's appid is missing."),
    90201: Meaning("message", "The mini program notice holds too many lines: at most 10."),
    90202: Meaning("message", "A line of the mini program notice has a key that is empty or too long."),
    90203: Meaning("message", "A line of the mini program notice has a value that is empty or too long."),
    90204: Meaning("message", "The mini program has no such page: check page."),
    90206: Meaning("config", "The mini program is not linked to the corporation: link it in the admin console."),
    90207: Meaning("config", "WeChat does not know this mini program: check its appid."),
    90208: Meaning("config", "The mini program and the app do not belong together: link them in the admin console."),
    301019: Meaning("message", "The image does not match its md5."),
    **{
        code: Meaning(
            "message", "The template_card's {field} is missing, wrong or has too many entries.", {"field": field}
        )
        for code, field in CARD_FIELDS.items()
    },
    # Too much, too fast
    6000: Meaning("busy", "Somebody else changed the same data at the same time: repeat in a moment."),
    45009: Meaning("quota", "Too many calls: WeCom opens again after a minute, an hour or a day, as the limit is."),
    45011: Meaning("quota", "Too many calls in this minute: send again in the next one, and more slowly."),
    45033: Meaning("busy", "Too many calls at the same time: repeat in a moment, with fewer at once."),
    81026: Meaning("busy", "WeCom maintains this function: repeat later."),
}

ROBOT: Table = {
    **WECOM,
    45002: Meaning("message", "The content is too long: a robot takes 2048 bytes of text, 4096 bytes of markdown."),
    45009: Meaning("quota", "A robot sends 20 messages a minute: send again in the next one, and more slowly."),
}
"""A group robot has WeCom's codes, and limits of its own."""
