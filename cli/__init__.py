"""The command line: an HTTP client of the functions, and the programs that run on this machine."""
