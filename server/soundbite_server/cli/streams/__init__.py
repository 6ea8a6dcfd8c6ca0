"""The commands that go on for as long as something is heard."""
