"""Ingestion: what the providers publish, landed as raw two-time history by dlt."""
