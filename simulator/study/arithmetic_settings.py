"""The settings of a study of arithmetic: `vickrey study arithmetic --settings FILE`, keys of ArithmeticConfig.

    common: {steps: 2000}                for everybody
    tasks:                               for a task, whatever it is trained by
      multiplication: {digits: 1}
    losses:                              for a loss, whatever task it is trained on
      ntl_was: {lambda: 0.1}
"""

from keyed_settings import KeyedSettings, Rules

TASKS = ("addition", "multiplication")
AGAINST = "cross_entropy"  # the loss that others are compared with, seed by seed
LOSSES = (AGAINST, "ntl_mse", "ntl_was")
PROBLEMS = (("digits", "largest", "held_out", "order", "judged"),  # or else losses would not be asked the same
            "must be the same for all losses of a task, so it belongs to common or tasks")
RULES = Rules("ArithmeticConfig", "steps", {"tasks": TASKS, "losses": LOSSES}, own=("seed", "threads", "task", "loss"),
              shared={"losses": PROBLEMS})


class Settings(KeyedSettings):
    def __init__(self, path):
        super().__init__(path, RULES)

    def config(self, task, loss, seed):
        """An ArithmeticConfig."""
        return self.over({"seed": seed, "threads": 1, "task": task, "loss": loss}, tasks=task, losses=loss)
