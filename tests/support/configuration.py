"""An esb.yaml in parts, as most tests write it, and a caller's credentials and message."""

SEND_WEIXIN = "cmsi/send_weixin"
DEMO = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin"}
MESSAGE = {"heading": "H", "message": "M", "date": "D"}
OPENID = "o" + 27 * "A"

SERVICES = """\
version: 1
services:
  apps:
    use: static
    config:
      apps:
        - {code: esb_demo, secrets: [demo-secret, next-secret], impersonate: ["*"]}
        - {code: no_users, secrets: [no-users-secret]}
        - {code: switched_off, secrets: [switched-off-secret], disabled: true}
        - {code: over, secrets: [over-secret], expires: "2020-01-01"}
        - {code: no_rights, secrets: [no-rights-secret], impersonate: ["*"], components: [other.*]}
  login: {use: static, config: {tokens: {demo-token: admin}}}
  users:
    use: static
    config:
      users:
        - {username: admin, wx_userid: zhangsan, email: admin@example.com, telephone: "13800000000"}
        - {username: lisi, wx_userid: lisi}
        - {username: without, wx_userid: ""}
        - {username: left, wx_userid: wangwu, active: false}
"""

WECOM = """\
  - path: /cmsi/send_weixin/
    aliases: [/v2/cmsi/send_weixin/]
    methods: [POST]
    use: cmsi_send_weixin
    config: {wx_type: qy, wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: corp-secret, wx_qy_agentid: 1000002,
             wx_qy_host: "${sandbox}", wx_qy_member_per_minute: 0}
"""

OFFICIAL_ACCOUNT = """\
  - path: /cmsi/send_weixin/
    methods: [POST]
    use: cmsi_send_weixin
    config: {wx_type: mp, wx_app_id: wx0000000000000001, wx_secret: mp-secret, wx_mp_host: "${sandbox}",
             wx_template_id: TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT}
"""
