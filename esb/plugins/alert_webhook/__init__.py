"""use: alert_webhook: the webhooks of alert managers, as messages through any channel."""
