"""The room for tables: what the page asks about a table."""
