"""Layers that torch lacks, each defined in full in the notebook named in its docstring."""

from torch import nn


class BAD(nn.Module):
    """Batch norm, activation (leaky ReLU), dropout: the block of A. Behera's slides (2022).

    Defined in notebook 01. Shape (N, channels, H, W) in and out. In train mode
    a share ``dropout`` of the values is set to zero and the rest scaled up; in
    eval mode dropout is the identity and batch norm uses its running averages.
    """

    def __init__(self, channels, dropout=0.5):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.activation = nn.LeakyReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(self.activation(self.norm(x)))


class Reshape(nn.Module):
    """Give each element of the batch the shape ``shape``: (N, …) to (N, \\*shape).

    Defined in notebook 01. The counterpart of ``nn.Flatten``, which torch has.
    """

    def __init__(self, shape):
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, x):
        return x.reshape(-1, *self.shape)
