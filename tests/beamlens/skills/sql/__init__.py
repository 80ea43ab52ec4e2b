"""Tests of the skill `sql`, with real SQLite, real SQLAlchemy and a real PostgreSQL server."""
