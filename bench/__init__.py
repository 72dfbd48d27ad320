"""Benchmarks: ratios within one run on one machine, as tables and in data/bench.json."""
