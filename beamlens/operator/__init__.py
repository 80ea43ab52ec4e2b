"""Operators: one for each skill; they look closer, step by step, and report what they find."""
