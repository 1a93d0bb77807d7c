"""Pages for people: what components there are and what they take, who may do what, what became of messages and why."""
