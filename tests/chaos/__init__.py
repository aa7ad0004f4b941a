"""Chaos: what there is fails while stations charge; then what they sent is compared with what is stored."""
