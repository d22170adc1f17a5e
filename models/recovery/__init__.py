"""Recovery of lost tokens by a distilled conditional flow, and when to trust it."""
