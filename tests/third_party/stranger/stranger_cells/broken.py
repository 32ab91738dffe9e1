"""Needs a package that nobody has."""

import a_package_that_nobody_has


class Broken(a_package_that_nobody_has.Cell):
    pass
