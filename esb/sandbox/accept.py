"""The choice between a page and JSON, by the header Accept."""

HTML, JSON = "text/html", "application/json"


def prefers(accept: str, wanted: str, other: str) -> bool:
    """Tell whether `accept` names one media type, and the other not at all, with less weight, or behind it.

    A wildcard names nothing: who takes anything gets what the path has always given.
    """
    return _rank(accept, wanted) > max(_rank(accept, other), (0.0, 0))


def _rank(accept: str, media_type: str) -> tuple[float, int]:
    """Return weight and place of a media type, more is better; weight 0 if it is not named."""
    for place, item in enumerate(accept.split(",")):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        if name == media_type:
            return _weight(parameters), -place
    return 0.0, 0


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter.removeprefix("q="))
            except ValueError:
                return 0.0
    return 1.0
