"""Where units run: code store, router, frames, hosts."""
