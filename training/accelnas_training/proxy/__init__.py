"""Cheap training schemes that rank architectures as an expensive one does: search, validation, reports."""
