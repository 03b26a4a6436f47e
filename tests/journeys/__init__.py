"""What people do with Tram, in a real browser against a real server."""
