"""The load that the mesh serves: scenarios, and the generators that follow them."""
