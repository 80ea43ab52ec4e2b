"""Where memory is allocated and what the allocators keep of it."""
