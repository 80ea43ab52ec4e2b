"""The rules provider."""
