"""What a machine offers to a loader: cores, memory, the page cache, threads."""
