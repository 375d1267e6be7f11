"""What runs networks: one module a backend."""
