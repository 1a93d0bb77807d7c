"""Why something cannot be done with a delivery, in the words of its refusal."""

from typing import Any

from esb.core.errors import EsbError, NotFound, RequestError, template
from esb.database.delivery_changes import Hindrance

_HINDERED = {
    Hindrance.UNKNOWN: template("The delivery does not exist, or is not one of this APP"),
    Hindrance.SENDING: template("The delivery is being sent just now, please try again in a moment"),
    Hindrance.ENDED: template("The delivery has ended, nothing of it is left to cancel"),
    Hindrance.NOT_DEAD: template("Only a delivery that is dead can be sent again"),
    Hindrance.NOBODY: template("No receiver of the delivery is left to send it to again"),
    Hindrance.NO_CONTENT: template("The content of the delivery is not kept any more, please send the message anew"),
}


def hindered(hindrance: Hindrance, data: dict[str, Any] | None = None) -> EsbError:
    """Return the error that tells a caller why something could not be done with a delivery, with this data."""
    kind = NotFound if hindrance is Hindrance.UNKNOWN else RequestError
    return kind(_HINDERED[hindrance], data)
