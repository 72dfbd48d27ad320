"""Macro series and market mood."""
