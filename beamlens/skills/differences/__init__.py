"""What a program is made of and how it is set, as facts that can be compared: with its start, with its last life."""
