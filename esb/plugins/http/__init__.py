"""`use: http`: a reverse proxy as a component, with several hosts, a breaker, streams and identity."""
