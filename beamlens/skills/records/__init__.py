"""Log records, heard where they are written, counted and kept for a while."""
