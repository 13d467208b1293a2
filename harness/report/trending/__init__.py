"""What people and their tools see of a trend over many runs: `content` puts it into words, `files` into numbers."""
