"""What happened: the closed list of event types, and pure folds over recorded events (the timeline that `holdfast why` prints)."""
