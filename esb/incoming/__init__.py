"""HTTP in, envelope out: a request becomes a call, an answer or an error becomes a response."""
