"""Prices and supply."""
