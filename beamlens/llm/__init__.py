"""Models: the protocol, the providers behind it, and the gateway process that talks to them."""
