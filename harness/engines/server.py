"""The first thing that the fork server imports: it ends with the driver, in the middle of its other imports too."""

from harness.engines.parent import end_with_parent

end_with_parent()
