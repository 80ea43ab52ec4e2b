"""Requests of a web application, in flight and done: what the `http` skill measures with."""
