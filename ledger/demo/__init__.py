"""The demonstration: a vaccine lot and a shrimp import, told by the companies that handle them."""
