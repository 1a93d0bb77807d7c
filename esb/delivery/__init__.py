"""What was accepted, and what a repetition of it is answered."""
