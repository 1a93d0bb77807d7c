"""Listeners and processes of `esb serve`, and the admin listener for its operators."""
