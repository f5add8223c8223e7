"""What runs a journal live: sessions, their supervisor, and what watches them."""
