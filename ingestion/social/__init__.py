"""Posts and their engagement."""
