"""A web application, what loads it, and a program with a large heap: what BeamLens' cost is measured on."""
