"""The embedded mesh: one real Envoy, and every replica a real process on the loopback interface."""
