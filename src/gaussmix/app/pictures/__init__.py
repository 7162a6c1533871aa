"""The room for pictures: what the page asks about a picture."""
