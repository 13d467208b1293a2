"""What people and their tools see of a comparison: `content` puts it into words, the other modules into files."""
