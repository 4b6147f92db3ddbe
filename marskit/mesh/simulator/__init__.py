"""The twin: a queueing model of the mesh that the manifests describe, in virtual time."""
