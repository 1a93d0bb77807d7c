"""The most that WeCom takes of one text, in bytes of UTF-8: what is longer it cuts without a word, or refuses.

Sources: developer.work.weixin.qq.com/document/path/90236 (messages of an app) and path/99110 (group robots).
"""

TEXT_BYTES = 2048
MARKDOWN_BYTES = 2048
V2_MARKDOWN_BYTES = 4096
ROBOT_MARKDOWN_BYTES = 4096
