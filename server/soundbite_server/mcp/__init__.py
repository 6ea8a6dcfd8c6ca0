"""The library as agents see it: tools, resources, prompts and tasks of the Model Context Protocol."""
