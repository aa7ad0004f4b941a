"""What Citrine costs, measured with the project's own load generator: `make bench`."""
