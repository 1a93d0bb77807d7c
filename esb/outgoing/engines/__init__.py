"""Two engines that put a prepared request on the wire, and the connections they pool."""
