"""Seeded searches: native algorithms, and those of users, on a benchmark or on real training."""
