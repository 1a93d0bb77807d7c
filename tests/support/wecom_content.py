"""Content of WeCom's messages: a picture, an article, and a corporation with departments, tags and robots."""

import base64
import random
from typing import Any

PICTURE = b"\xff\xd8\xff\r\n--" + random.Random(1).randbytes(2**20)
ARTICLE = {"title": "磁盘告警", "description": "host-1", "url": "https://example.com/a?b=1&c=2"}


def file_of(content: bytes = PICTURE, name: str = '磁盘 "1".png') -> dict[str, Any]:
    return {"name": name, "content": base64.b64encode(content).decode()}


def file_of_size(params: dict[str, Any]) -> dict[str, Any]:
    """The file of so many bytes, for parameters that must be short to be shown."""
    return {"size": None, "file": file_of(bytes(params["size"]), "a.bin")}


def people(**changes: Any) -> dict[str, Any]:
    """A seed with departments 1 and 2, and one tag."""
    corporation = {
        "corpid": "ww0000000000000001",
        "members": [
            {"userid": "zhangsan", "departments": [1]},
            {"userid": "lisi", "departments": [2]},
            {"userid": "wangwu", "departments": [2]},
        ],
        "tags": {"9": ["wangwu"]},
        "apps": [{"agentid": 1000002, "secret": "corp-secret", **changes}],
    }
    return {"qy": [corporation], "robots": ["bot-key", "ops-key", "dev-key"]}
