"""Follow the calls of one function for a short while, and put everything back."""
