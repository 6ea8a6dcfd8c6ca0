"""What is to be embedded: files, addresses, and audio that callers sent."""
