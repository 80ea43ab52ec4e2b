"""What the operating system says of the machine, of the container and of one process; reads files, changes nothing."""
