"""Models of rows with features: click-through, recommendation, ranking."""
