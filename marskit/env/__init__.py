"""The mesh as a Gymnasium environment: `marskit/Mesh-v0`, and what learned policies see of a mesh."""
