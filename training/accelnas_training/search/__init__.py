"""Searches by real training: an algorithm asks, the store's workers train, the algorithm is told."""
