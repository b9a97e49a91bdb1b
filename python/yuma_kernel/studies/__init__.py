"""Studies of consensus: each a call that returns a frozen result with a tidy table, its picture and its provenance.

They stand above `yuma_kernel.variants` and `yuma_kernel.simulate`; pictures and frames need the extra
`yuma-kernel[studies]`.
"""

from yuma_kernel.studies.cases import SCENARIOS, library, scenario
from yuma_kernel.studies.float_check import FloatError, float_error
from yuma_kernel.studies.floats import FloatInputs, float_epoch, float_inputs
from yuma_kernel.studies.guarantee_map import Guarantee, guarantee
from yuma_kernel.studies.hyperparameter_sweep import Sweep, sweep
from yuma_kernel.studies.metrics import METRICS, Observed
from yuma_kernel.studies.research_variants import Research, Variant, default_variants, research
from yuma_kernel.studies.result import Study
from yuma_kernel.studies.retentions import Retention, retention
from yuma_kernel.studies.runtime_changes import Runtimes, runtimes
from yuma_kernel.studies.scenario_inputs import BondReset, Registration, Scenario
from yuma_kernel.studies.scenario_table import Scenarios, default_rules, scenarios
from yuma_kernel.studies.series import Series, generated_series
from yuma_kernel.studies.weight_copying import BOUNDS, Copying, Curve, copying

__all__ = ["Guarantee", "Retention", "Runtimes", "Study", "guarantee", "retention", "runtimes"]
__all__ += ["BondReset", "Registration", "SCENARIOS", "Scenario", "Scenarios", "library", "scenario", "scenarios"]
__all__ += ["FloatError", "FloatInputs", "float_epoch", "float_error", "float_inputs"]
__all__ += ["BOUNDS", "METRICS", "Copying", "Curve", "Observed", "Series", "Sweep", "copying", "generated_series", "sweep"]
__all__ += ["Research", "Variant", "default_rules", "default_variants", "research"]
