"""What `cfw metrics` tells Prometheus: read from the warehouse, the pace file and the disk."""
