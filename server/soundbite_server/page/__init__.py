"""The page of a person with a browser, and of agent hosts that show one: its HTML, style and scripts."""
