"""The two ways in which a data set can fail to be there."""


class DataNotFound(OSError):
    """A data set is neither on this computer nor could it be fetched."""


class DataDamaged(OSError):
    """A file is there, but it is truncated, broken or something else altogether."""
