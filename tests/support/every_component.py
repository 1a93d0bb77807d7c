"""An esb.yaml with every component of ours, and the proxy in each of its forms."""

EVERYTHING = """\
  - path: /cmsi/send_weixin/
    aliases: [/v2/cmsi/send_weixin/]
    methods: [POST]
    use: cmsi_send_weixin
    config: &wecom {wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: corp-secret, wx_qy_agentid: 1000002,
                    wx_qy_host: "${sandbox}", wx_qy_member_per_minute: 0}
  - {path: /cmsi/send_qy_weixin/, methods: [POST], use: cmsi_send_qy_weixin, config: *wecom, test_config: {}}
  - path: /cmsi/send_mp_weixin/
    methods: [POST]
    use: cmsi_send_mp_weixin
    config: {wx_app_id: wx0000000000000001, wx_secret: mp-secret, wx_mp_host: "${sandbox}",
             wx_template_id: TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT}
  - path: /cmsi/send_wecom_robot/
    methods: [GET]
    use: cmsi_send_wecom_robot
    config: {webhook_key: bot-key, wx_qy_host: "${sandbox}"}
  - path: /cmsi/send_mail/
    methods: [POST]
    use: cmsi_send_mail
    config: {smtp_host: 127.0.0.1, smtp_port: 9, mail_sender: a@example.com}
  - {path: /cmsi/send_sms/, use: cmsi_send_sms, config: {dest_url: "${sandbox}/nowhere"}}
  - {path: /cmsi/send_voice_msg/, methods: [POST], use: cmsi_send_voice_msg}
  - {path: /cmsi/send_msg/, methods: [GET], use: cmsi_send_msg}
  - {path: /cmsi/get_msg_type/, methods: [GET], use: cmsi_get_msg_type}
  - path: /wechat/stats/{what}/
    methods: [GET, PUT]
    use: http
    config: {hosts: ["${sandbox}"], path: "/_sandbox/{what}", response: wrap, method: GET}
  - path: /wechat/messages/
    methods: [GET]
    use: http
    config: {hosts: ["${sandbox}"], path: /_sandbox/messages, method: GET}
  - path: /wechat/{what}/raw/
    name: wechat.raw_of
    methods: [GET]
    use: http
    config: {hosts: ["${sandbox}"], path: "/_sandbox/{what}", response: raw}
  - path: /wechat/raw/{where:path}
    name: wechat.raw
    methods: [GET]
    use: http
    config: {hosts: ["${sandbox}"], path: "/_sandbox/{where}", response: raw}
  - path: /alert/webhook/
    methods: [POST]
    use: alert_webhook
    config: {to: /cmsi/send_weixin/, params: {receiver: zhangsan}}
  - path: /alert/webhook/{token}/
    name: alert.by_token
    methods: [POST]
    use: alert_webhook
    tokens: [{app: esb_demo, token: 0123456789abcdef}]
    config: {to: /cmsi/send_weixin/, params: {receiver: zhangsan}}
  - {path: /cmsi/old/, methods: [GET], use: cmsi_get_msg_type, active: false}
"""
