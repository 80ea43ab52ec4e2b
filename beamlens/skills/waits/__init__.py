"""What threads and tasks wait for, told from their stacks: what the skills on loops, locks, requests and queues share.

Everything here runs in the observed process, only reads, and reads no local variables but those of frames of the
standard library (and of the well-known libraries beside it) that say what is waited for.
"""
