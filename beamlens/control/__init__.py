"""How a shell talks to a running program: a socket that only its user can reach, and the few things it answers."""
