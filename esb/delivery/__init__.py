"""Accepted calls, and the answers that their repetitions get."""
