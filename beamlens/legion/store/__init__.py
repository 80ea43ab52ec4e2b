"""Where conversations are kept, and what agents used is counted."""
