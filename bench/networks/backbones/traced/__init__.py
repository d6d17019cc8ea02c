"""Any network whose branches are added to what they read, seen as blocks: by its graph, not by its family."""
