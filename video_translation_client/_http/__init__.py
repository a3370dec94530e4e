"""HOW to ask: one blocking exchange, and what its answer means. No job is remembered here."""
