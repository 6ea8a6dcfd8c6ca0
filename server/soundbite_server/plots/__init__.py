"""Pictures of recordings and of the library, as SVG or PNG, by matplotlib: the extra `plot`."""
