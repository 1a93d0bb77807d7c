"""Listeners and processes: what `esb serve` runs, and the admin listener for its operators."""
