"""Sentiment scores and asset mentions for the texts of the warehouse.

The package reads and writes through :class:`scoring.work.Warehouse`, a protocol that the caller
implements; it knows nothing of engines, loaders or schedules. Heavy libraries (torch,
transformers) are imported only where a model is really loaded, so importing this package is quick.
"""
