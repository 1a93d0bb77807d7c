"""An answer and the verdict on it, as far as the log has to know of it."""

from typing import Protocol


class Judgement(Protocol):
    """The class of an answer; see UpstreamFinished."""

    @property
    def kind(self) -> str: ...


class Judged(Protocol):
    """An answer and the verdict on it."""

    @property
    def verdict(self) -> Judgement: ...
