"""Calls of other services by the libraries that a program has loaded: what the `outbound` skill measures with."""
