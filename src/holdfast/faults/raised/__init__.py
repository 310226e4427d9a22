"""What the exceptions of libraries mean, one module per family of libraries; no library is imported to know them."""
