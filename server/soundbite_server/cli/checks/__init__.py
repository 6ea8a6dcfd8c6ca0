"""What `soundbite doctor` looks at in a library, and how it repairs what it finds."""
