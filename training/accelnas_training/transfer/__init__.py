"""A new device from few measurements: which architectures to measure, and what they say beside known devices."""
