"""Chrome traces as torch's profiler writes them: read, summarised, and compared."""
