"""What is known of each API, ready for classification: the entries that come with Holdfast, found by name or by address."""
