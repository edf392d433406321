"""Cold chain: readings, the profiles that say what is allowed, and the watch that finds excursions.

`reading` is what a sensor says, `profile` what must hold, `watch` finds where the one leaves the other,
`kinetics` has the two figures that weigh time and temperature. All pure, and exact but for the models.
"""
