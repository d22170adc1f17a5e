"""Recovery as a mean and a deviation: what a regression expects, and what a flow adds to it.

A regression of the lost tokens alone reads well but knows no doubt; samples of a flow know doubt,
but their mean is a noisy regression. Here the flow generates only what the regression leaves over,
so that a share of it, 0 to 1, goes from the one to the other.
"""

from dataclasses import dataclass
from typing import Self

from ..fusion import Fusion
from ..recovery.flow import Solver
from ..recovery.network import RecoveryNet
from .fillers import Bank, Regression
from .flows import FlowFiller, FlowPlan, fit_student, fit_teacher
from .interface import FitConfig


@dataclass(frozen=True, slots=True, eq=False)
class Residual:
    """Trained parts.

    Attributes:
        expected: the mean of what is lost.
        teacher: the flow of the deviation, in many steps.
        student: the same in few.
    """

    expected: Regression
    teacher: RecoveryNet
    student: RecoveryNet

    @classmethod
    def fit(
        cls, fusion: Fusion, banks: tuple[Bank, Bank], config: FitConfig, plan: FlowPlan
    ) -> Self:
        """Train all three, one after another.

        Args:
            fusion: frozen; what it makes of a sample enters the student's loss.
            banks: training and validation tokens.
            config: settings.
            plan: further settings of the flow.
        """
        expected = Regression()
        expected.fit(*banks, config)
        teacher = fit_teacher(*banks, config, plan, expected.centred)
        student = fit_student(teacher, fusion, banks, config, plan, expected.centred)
        return cls(expected, teacher, student)

    def distilled(
        self, fusion: Fusion, banks: tuple[Bank, Bank], config: FitConfig, plan: FlowPlan
    ) -> RecoveryNet:
        """Another student of the same teacher; see `fit`."""
        return fit_student(self.teacher, fusion, banks, config, plan, self.expected.centred)

    def filler(self, solver: Solver, spread: float = 1.0) -> FlowFiller:
        """Draws by the student or the teacher, whichever the solver is for.

        Args:
            solver: how.
            spread: share of the deviation, [0, 1].
        """
        net = self.student if solver.student else self.teacher
        return FlowFiller(solver, net, centre=self.expected.centred, spread=spread)
