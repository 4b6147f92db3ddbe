"""Static pictures of views, as HTML and SVG without scripts: what saved notebooks and web pages show."""
