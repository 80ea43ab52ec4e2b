"""The coordinator: it sends operators out and correlates what they find into insights."""
