"""The mesh as a Gymnasium environment: `marskit/Mesh-v0`, and the encoding for learned policies."""
