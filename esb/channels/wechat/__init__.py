"""The two WeChat platforms, official account and WeCom: their credentials, codes, messages and words."""
