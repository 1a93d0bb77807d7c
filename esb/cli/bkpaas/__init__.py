"""`esb import bkpaas`: the tables of an old ESB, read from a dump, become a plan, and the plan apps and stanzas."""
