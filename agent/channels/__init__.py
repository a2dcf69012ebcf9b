"""Wire forms of requests and answers. A channel translates; it decides nothing."""
