"""The first import of the fork server and of the bench suite: they end with the driver, during later imports too."""

import os

from harness.process import gc_tuning
from harness.process.parent_death import DRIVER_PID, end_with_parent

_driver = os.environ.pop(DRIVER_PID, None)
end_with_parent()
if _driver is not None and os.getppid() != int(_driver):
    os._exit(1)  # the driver died before this process could ask to be ended with it

gc_tuning.defer_collection()
