"""Texts and addresses that attack a page on which somebody shows them."""

TEXTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</textarea></style></script><iframe srcdoc='<script>alert(1)</script>'>",
    "{{ 7*7 }}{% raw %}${7*7}",
    "<a href=\"javascript:alert(1)\">x</a><a href='data:text/html,x'>y</a>",
    "[x](javascript:alert(1)) ![y](data:image/svg+xml,<svg/onload=alert(1)>) **<b onclick=x>**",
    '<font color="info"><img src=x onerror=alert(1)></font>',
    "`<script>` \u202e\u2066 \x07 😀 ]]> <!-- --> &lt;script&gt;",
]
"""Texts for every field."""
ADDRESSES = [
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    'https://a" onclick="alert(1)',
    "java\tscript:alert(1)",
]
"""Addresses that must not become links."""
