"""The command line, ``python -m skfashion``: its arguments, commands and report."""
