"""Runs told from their transcripts: as text, as data, as a page; and driven again without a model."""
