"""Estimators of what a network costs on a device, side by side: how well they do, and what they cost to build."""
