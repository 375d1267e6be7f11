"""Measurements of accelnas against its peers, on the same models and architectures."""
