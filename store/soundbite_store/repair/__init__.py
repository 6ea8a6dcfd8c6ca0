"""What was written survives power cuts, and what was torn is mended."""
