"""What generated code may call: the user's tools, other agents, and people."""
