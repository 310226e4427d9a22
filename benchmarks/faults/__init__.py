"""How well and how fast failures are recognised: the labelled corpora, a naive classifier beside ours, and the time that a verdict takes."""
