"""The inbox in a browser: messages as a phone shows them, live, and faults at the press of a button."""
