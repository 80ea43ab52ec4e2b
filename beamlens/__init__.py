"""Look at a running Python application from inside its supervision tree, with LLM-driven operators."""

__all__ = ["__version__"]

__version__ = "0.1.0"
