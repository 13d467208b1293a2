"""Jobs on nodes: where they run, what becomes of them, and the sets of runs that they leave."""
