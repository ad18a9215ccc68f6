"""What a model is and what was proven of it. No torch, no storage.

A claim is measured elsewhere; here it is scored, bound, signed, rendered and audited::

    >>> from roadworthy.model_cards import Row, image_top1, score
    >>> protocol = image_top1(resize=256, crop=224, interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1))
    >>> rows = [Row(id=str(i), truth=0, prediction=int(i == 9), confidence=0.8) for i in range(10)]
    >>> metric = score(protocol, rows)
    >>> f"{metric.value} [{metric.low:.3f}, {metric.high:.3f}] n={metric.n}"
    '0.9 [0.596, 0.982] n=10'
"""

from .agreement import Agreement
from .artefact import Artefact, ArtefactRecord
from .audit import Audit, audit
from .catalogue import CATALOGUE, System
from .certificate import Certificate, Claim
from .convergence import Convergence, compare_convergence
from .errors import CheckError, DamagedError, InputError, NotFoundError, RoadworthyError, StorageError
from .evidence import Row
from .latency import Latency
from .metric import Metric
from .performance import Performance, PerformanceRecord, PrecisionAccuracy
from .protocol import Protocol, image_top1, score, text_accuracy, with_metric
from .series import Attempt, Series, series_of
from .snapshot import FileEntry, list_files
from .statistics import Interval, PairedComparison, compare_paired, wilson
from .target import Target

__all__ = [
    "CATALOGUE",
    "Agreement",
    "Artefact",
    "ArtefactRecord",
    "Attempt",
    "Audit",
    "Certificate",
    "CheckError",
    "Claim",
    "Convergence",
    "DamagedError",
    "FileEntry",
    "InputError",
    "Interval",
    "Latency",
    "Metric",
    "NotFoundError",
    "PairedComparison",
    "Performance",
    "PerformanceRecord",
    "PrecisionAccuracy",
    "Protocol",
    "RoadworthyError",
    "Row",
    "Series",
    "StorageError",
    "System",
    "Target",
    "audit",
    "compare_convergence",
    "compare_paired",
    "image_top1",
    "list_files",
    "score",
    "series_of",
    "text_accuracy",
    "wilson",
    "with_metric",
]
