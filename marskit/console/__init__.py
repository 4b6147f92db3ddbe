"""Rich output of what runs recorded and of what goes on without a screen."""
