"""The command line `esb`: commands, one file each."""
