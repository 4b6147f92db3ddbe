"""Drawing with characters: rows of styled text, a grid for lines, and braille dots. No Textual here."""
