"""How a live environment is read: one module a system, read-only, each with a deadline."""
