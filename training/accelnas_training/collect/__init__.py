"""Collect results unattended: a store that loses nothing, workers that may die, and a collector between them."""
