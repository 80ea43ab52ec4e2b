"""The skills: what a Python process can tell about itself."""
