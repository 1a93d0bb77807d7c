"""Somebody who looks at a page: an operator by token or single sign-on, or anybody."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Visitor:
    """The one who asks, in which language, and what their forms have to carry."""

    name: str
    """The operator's, as tokens or the trusted header name them; "" of anybody else."""
    reads: bool
    """True if they may see the operators' pages."""
    language: str
    """en or zh-hans."""
    csrf: str = field(default="", repr=False)
    """The `csrf` that each of their forms carries; "" for those who proved who they are by a header of this request."""
    is_logged_in: bool = False
    """True if they have a session, which they can leave."""
    new_cookie: str = field(default="", repr=False)
    """The cookie that the answer gives them to come back with; "" if they have it already."""
