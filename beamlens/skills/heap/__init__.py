"""What is on the heap: types that grow, who keeps an object alive, asked in a forked copy of the process."""
