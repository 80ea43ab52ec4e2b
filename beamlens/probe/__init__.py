"""What lives in the observed process: it runs the skills and answers operators."""
