"""Which descriptors a process has open, and how their number moves; read from /proc, of any process of this user."""
