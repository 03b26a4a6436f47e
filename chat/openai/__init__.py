"""The doors that speak OpenAI's protocol, under `/v1/`: what speaks to a relay speaks to them."""
