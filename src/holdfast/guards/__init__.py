"""Guards: perform policies around calls of any kind — plain functions, coroutines, generators — and remember each dependency's state."""
