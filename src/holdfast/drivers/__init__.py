"""Fourth in the story: perform what was decided. Drivers act on the world, once, and report; they decide nothing."""
