"""BlueKing's own clients, as their users have them, against a real gateway."""
