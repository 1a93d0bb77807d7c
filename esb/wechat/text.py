"""Long text in pages: WeCom cuts what is too long without a word."""


def pages(text: str, limit: int) -> list[str]:
    """The text in pages of at most `limit` bytes of UTF-8, each begun with its number: "(1/3)" and a line break.

    Text within the limit is one page without a number. Without the numbers the pages join to the text.
    """
    if len(text.encode()) <= limit:
        return [text]
    total = 9
    while True:
        mark = len(f"({total}/{total})\n")
        parts = _cut(text, limit - mark)
        if len(parts) <= total:
            return [f"({number}/{len(parts)})\n{part}" for number, part in enumerate(parts, 1)]
        total = total * 10 + 9  # the numbers need one digit more


def _cut(text: str, limit: int) -> list[str]:
    """Parts of at most `limit` bytes, cut between characters."""
    raw = text.encode()
    parts = []
    start = 0
    while start < len(raw):
        end = min(start + limit, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # inside of a character
            end -= 1
        parts.append(raw[start:end].decode())
        start = end
    return parts
