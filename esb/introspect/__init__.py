"""What a configuration declares, told to people and to tools: Markdown, OpenAPI, and the JSON Schema of esb.yaml."""
