"""What stops the application for a moment: noted as events, with the place where the thread stood that did it."""
