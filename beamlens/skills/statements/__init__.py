"""How SQL statements are seen, timed and told apart."""
