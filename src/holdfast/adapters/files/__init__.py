"""Files on the local disk: large outputs by their digest."""
