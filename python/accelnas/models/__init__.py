"""What predicts, and what follows from tables alone: derived metrics, importances, landscapes."""
