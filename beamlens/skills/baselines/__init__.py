"""What is usual for each number that skills tell, learned from the program itself, and what is far from it."""
