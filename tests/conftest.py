"""Makes `tests/` importable (`from application import application`); what Hypothesis may do.

The examples are the same in every run, and no time limit is put on one: what fails, fails again.
`pytest --hypothesis-profile=random` looks for new ones.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("random", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", settings.get_profile("random"), derandomize=True)
settings.load_profile("repeatable")
