"""How the interpreter is looked at from inside: what the `vm` skill, and others, measure with.

Everything here runs in the observed process. It reads and never changes, holds the interpreter lock for a few
milliseconds at most, and keeps no reference to the application's objects from one look to the next.
"""
