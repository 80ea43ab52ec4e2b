"""What the application keeps of runs: where they stand, to go on after a crash; and what they found, to be read."""
