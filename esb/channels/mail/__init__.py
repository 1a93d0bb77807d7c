"""Mail: composed as MIME, handed over by SMTP."""
