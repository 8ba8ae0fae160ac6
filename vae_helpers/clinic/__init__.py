"""The break-it lab: faults that VAE code on the web has, one at a time in an otherwise healthy VAE.

``FAULTS`` lists them with their sources, ``CHART`` the measurements that tell them apart, and
``run("no_kl")`` trains one patient in a few seconds and takes all measurements.
"""

from .catalogue import FAULTS, Fault, Net, fault_named
from .chart import CHART, Measurement, examine, outside, suspects
from .patient import Patient, run

__all__ = [
    "CHART", "FAULTS", "Fault", "Measurement", "Net", "Patient", "examine", "fault_named", "outside", "run", "suspects",
]
