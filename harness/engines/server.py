"""The first thing that the fork server imports, and the suite of `harness bench`: it ends with the driver, in the middle of its other imports too."""

import os

from harness.engines.parent import DRIVER, end_with_parent

_driver = os.environ.pop(DRIVER, None)
end_with_parent()
if _driver is not None and os.getppid() != int(_driver):
    os._exit(1)  # the driver died before this process could ask to be ended with it
