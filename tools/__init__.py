"""Programs for those who work on Holdfast; none of them is part of the distribution."""
