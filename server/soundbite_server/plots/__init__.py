"""Pictures of recordings and of the library, as SVG; PNG needs the optional dependency `soundbite[plot]`."""
