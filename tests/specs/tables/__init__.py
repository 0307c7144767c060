"""Tables of shapes that several specs share."""
