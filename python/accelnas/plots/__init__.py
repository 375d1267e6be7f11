"""Drawings as SVG files, from plain arrays; they need the extra ``[report]``."""
