"""The documentation as one site: pages put together, built by Zensical, and checked."""
