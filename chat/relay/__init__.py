"""The relay client: pure Python and asyncio; it imports no Django and no other floor."""
