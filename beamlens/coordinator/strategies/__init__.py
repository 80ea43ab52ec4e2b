"""The ways in which the coordinator can work: `agent_loop` (the default), `pipeline`, and users' own."""
