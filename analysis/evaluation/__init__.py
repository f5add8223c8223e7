"""How good is the learner, honestly? Forecasts of it and of others, on the same delayed labels.

Every forecaster answers the same question at the same tick, the direction of the mid at the
horizon, from what was known then: a label may be learned from only once its horizon has passed
(prequential evaluation with delayed labels, Gama et al. 2013, doi 10.1007/s10994-012-5320-9).
"""
