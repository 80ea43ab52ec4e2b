"""The one loop: a conversation with a model that chooses a tool at each step."""
