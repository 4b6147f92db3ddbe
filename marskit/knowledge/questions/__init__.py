"""Questions asked of everything that was recorded, each a function of its own; `catalogue` lists them."""
