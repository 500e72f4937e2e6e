"""What the apps below say of retraining, and of challengers; as `sentences` does of the rest."""

from django.utils.translation import gettext_noop

OF_RETRAINING = (
    # the gate: what a challenger is held against
    gettext_noop("The champion is measured by %(metric)s."),
    gettext_noop("The champion has no %(metric)s to be compared with."),
    gettext_noop("Both answered to the same rows kept apart."),
    gettext_noop("The rows kept apart changed, or are not the same for both."),
    gettext_noop("%(learned)s of the rows kept apart were learned from, where none may be."),
    gettext_noop("None of them was learned from."),
    gettext_noop("Both are held against the same truth."),
    gettext_noop("The challenger is held against another truth, or by no %(metric)s."),
    gettext_noop("Answers of the %(role)s that are no number: %(bad)s of %(rows)s."),
    gettext_noop("champion"),
    gettext_noop("challenger"),
    gettext_noop("The challenger gives every row the same answer."),
    gettext_noop("The challenger tells rows apart."),
    gettext_noop("%(found)s %(what)s are kept apart, as many as are needed."),
    gettext_noop("%(found)s %(what)s are kept apart, %(least)s are needed: %(missing)s are missing."),
    gettext_noop("rows"),
    gettext_noop("groups"),
    gettext_noop("series"),
    gettext_noop("rows of the rarest class"),
    gettext_noop("The gain in %(metric)s cannot be measured on these rows."),
    gettext_noop("The gain in %(metric)s is %(gain)s, surely more than %(sure)s, where %(asked)s are asked for."),
    gettext_noop(
        "The champion leaves no more than %(room)s of %(metric)s to gain, where %(asked)s are asked for: ask for less."
    ),
    gettext_noop(
        "The gain in %(metric)s is %(gain)s, but only %(sure)s is sure, where %(asked)s are asked for: about "
        "%(count)s %(what)s would tell."
    ),
    gettext_noop("The gain in %(metric)s is %(gain)s, where %(asked)s are asked for."),
    gettext_noop(
        "Where %(column)s is missing, it loses %(lost)s, surely more than %(least)s; no more than %(allowed)s may be lost."
    ),
    gettext_noop(
        "Where %(column)s is %(value)s, it loses %(lost)s, surely more than %(least)s; no more than %(allowed)s may be lost."
    ),
    gettext_noop(
        "Where %(column)s is between %(low)s and %(high)s, it loses %(lost)s, surely more than %(least)s; no more "
        "than %(allowed)s may be lost."
    ),
    gettext_noop("Where %(slice)s, it loses %(lost)s, surely more than %(least)s; no more than %(allowed)s may be lost."),
    gettext_noop(
        "On none of %(slices)s slices does it surely lose more than it may; %(few)s more have too few rows to say."
    ),
    gettext_noop("The calibration of the challenger cannot be measured."),
    gettext_noop("Its calibration is off by %(lost)s more than the champion's, where %(allowed)s are allowed: too much."),
    gettext_noop("Its calibration is off by %(lost)s more than the champion's, where %(allowed)s are allowed: good."),
    gettext_noop("The %(what)s of both must be measured to be compared."),
    gettext_noop("Its %(what)s is %(ratio)s times the champion's: within the %(most)s allowed."),
    gettext_noop("Its %(what)s is %(ratio)s times the champion's: beyond the %(most)s allowed."),
    gettext_noop("latency"),
    gettext_noop("size"),
    # the triggers: whether to retrain, by verdicts
    gettext_noop("No condition is on: it is retrained by hand alone."),
    gettext_noop("It was asked for, whatever the conditions say."),
    gettext_noop("It is not known who gave the verdicts: all of them count."),
    gettext_noop("Of %(given)s verdicts %(count)s count, no more than %(most)s of each of %(subjects)s subjects."),
    gettext_noop("This condition is off."),
    gettext_noop("No verdicts are known."),
    gettext_noop("%(count)s of %(least)s verdicts in %(days)s days that are needed to speak of satisfaction."),
    gettext_noop("%(count)s of %(asked)s verdicts in %(days)s days: enough."),
    gettext_noop("%(count)s of %(asked)s verdicts in %(days)s days: not yet."),
    gettext_noop("%(count)s of %(asked)s negative verdicts in %(days)s days: enough."),
    gettext_noop("%(count)s of %(asked)s negative verdicts in %(days)s days: not yet."),
    gettext_noop("%(share)s of %(count)s verdicts in %(days)s days are positive: below %(asked)s."),
    gettext_noop("%(share)s of %(count)s verdicts in %(days)s days are positive: not below %(asked)s."),
    # by drift and performance
    gettext_noop("No drift report is known."),
    gettext_noop("%(share)s of the model's importance drifts: at least %(asked)s."),
    gettext_noop("%(share)s of the model's importance drifts: less than %(asked)s."),
    gettext_noop("Drift was found."),
    gettext_noop("Drift was not found."),
    gettext_noop("No labels have come to measure its performance by."),
    gettext_noop("%(rows)s of %(least)s labelled rows that are needed to speak of performance."),
    gettext_noop("Performance on %(rows)s labelled rows fell by %(fall)s: at least %(asked)s."),
    gettext_noop("Performance on %(rows)s labelled rows fell by %(fall)s: less than %(asked)s."),
    gettext_noop("Its performance has not been estimated."),
    gettext_noop("Estimated performance fell by %(fall)s: at least %(asked)s."),
    gettext_noop("Estimated performance fell by %(fall)s: less than %(asked)s."),
    # by age and data
    gettext_noop("It is not known when it was trained."),
    gettext_noop("It was trained %(age)s days ago: at least %(asked)s days."),
    gettext_noop("It was trained %(age)s days ago: less than %(asked)s days."),
    gettext_noop("It is not known how many rows are new."),
    gettext_noop("%(count)s of %(asked)s new rows: enough."),
    gettext_noop("%(count)s of %(asked)s new rows: not yet."),
    # what stands in the way
    gettext_noop("The model has no retraining policy. PUT one to its retraining_policy/ route."),
    gettext_noop("A version is trained."),
    gettext_noop("No version is trained: train the first one by hand."),
    gettext_noop("The policy is switched on."),
    gettext_noop("The policy is switched off."),
    gettext_noop("The model is not archived."),
    gettext_noop("A training of this model is under way."),
    gettext_noop("No training of this model is under way."),
    gettext_noop("It is not known whether anything has come since it was trained."),
    gettext_noop("Nothing has come since it was trained."),
    gettext_noop("New data have come since it was trained."),
    gettext_noop("It was never retrained."),
    gettext_noop("The last retraining began at %(began)s: the next may begin at %(free)s."),
    gettext_noop("The last retraining began at %(began)s: long enough ago."),
    gettext_noop("There is no limit to retrainings."),
    gettext_noop("%(spent)s of %(most)s retrainings in 30 days: none is left."),
    gettext_noop("%(spent)s of %(most)s retrainings in 30 days: not all are spent."),
)
