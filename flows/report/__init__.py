"""The health report: what a warehouse holds and what is wrong with it, on one page of HTML."""
