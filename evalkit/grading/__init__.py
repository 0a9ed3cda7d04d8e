"""From a submission to a grade: what graders give, measurements kept beside rollouts, and how a run is graded."""

from evalkit.task.grade import Check as Check
from evalkit.task.grade import Fault as Fault
from evalkit.task.grade import Grade as Grade
from evalkit.task.grade import Measurement as Measurement
from evalkit.task.grade import as_number as as_number
from evalkit.task.grade import preview as preview
from evalkit.task.grade import readings as readings
from evalkit.task.grade import within as within
