"""On-chain metrics."""
