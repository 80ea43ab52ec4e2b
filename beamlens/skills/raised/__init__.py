"""How exceptions are seen, and what is kept of them."""
