"""The declarations of a configuration, for people and for tools: Markdown, OpenAPI, and the JSON Schema of esb.yaml."""
