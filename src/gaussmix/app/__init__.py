"""The application in the browser: a server on the loopback address, and the page that it serves."""
