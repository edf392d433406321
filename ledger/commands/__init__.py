"""What each command of `suyuan` does, by what it is about. A command returns its exit code."""
