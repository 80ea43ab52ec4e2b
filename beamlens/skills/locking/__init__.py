"""Who waits for which lock and who holds it, found in stacks: what the `locks` skill measures with."""
