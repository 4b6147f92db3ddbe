"""Questions about everything that was recorded, one function each; `catalogue` lists them."""
