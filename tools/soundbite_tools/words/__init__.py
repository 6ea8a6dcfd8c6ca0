"""Words with their times, and clips that follow them."""
