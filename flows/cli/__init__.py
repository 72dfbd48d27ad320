"""The `cfw` command line."""
