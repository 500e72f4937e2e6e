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
    gettext_noop(
        "Its calibration is off by %(lost)s more than the champion's, where %(allowed)s are allowed: this may be chance."
    ),
    gettext_noop("Its calibration is off by %(lost)s less than the champion's."),
    gettext_noop("The %(what)s of both must be measured to be compared."),
    gettext_noop("Its %(what)s is %(ratio)s times the champion's: within the %(most)s allowed."),
    gettext_noop("Its %(what)s is %(ratio)s times the champion's: beyond the %(most)s allowed."),
    gettext_noop(
        "Its %(what)s is %(ratio)s times the champion's: beyond the %(most)s allowed, but so little more is not felt."
    ),
    gettext_noop("latency"),
    gettext_noop("size"),
    # the triggers: whether to retrain, by verdicts
    gettext_noop("No condition is on: it is retrained by hand alone."),
    gettext_noop("It was asked for, whatever the conditions say."),
    gettext_noop("It is the backup of Sundays, whatever the conditions say."),
    gettext_noop("It is not known who gave the verdicts: all of them count."),
    gettext_noop("Of %(given)s verdicts %(count)s count, no more than %(most)s of each of %(subjects)s subjects."),
    gettext_noop("Of %(given)s verdicts %(count)s count, no more than %(most)s of the one subject that gave them."),
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
    gettext_noop("%(share)s of the model's importance drifts, and nothing in two checks in a row: it may be chance."),
    gettext_noop("Drift was found."),
    gettext_noop("Drift was not found."),
    gettext_noop("No labels have come to measure its performance by."),
    gettext_noop("%(rows)s of %(least)s labelled rows that are needed to speak of performance."),
    gettext_noop("Performance on %(rows)s labelled rows fell by %(fall)s: at least %(asked)s."),
    gettext_noop("Performance on %(rows)s labelled rows fell by %(fall)s: less than %(asked)s."),
    gettext_noop("Its performance has not been estimated."),
    gettext_noop("Labels contradict the newest estimate of its performance, so it counts for nothing: go by the labels."),
    gettext_noop("Estimated performance fell by %(fall)s: at least %(asked)s."),
    gettext_noop("Estimated performance fell by %(fall)s: less than %(asked)s."),
    # by age and data
    gettext_noop("It is not known when it was trained."),
    gettext_noop("It was trained %(age)s days ago: at least %(asked)s days."),
    gettext_noop("It was trained %(age)s days ago: less than %(asked)s days."),
    gettext_noop("It was trained %(age)s days ago: at least 1 day."),
    gettext_noop("It was trained %(age)s days ago: less than 1 day."),
    gettext_noop("It was trained 1 day ago: at least 1 day."),
    gettext_noop("It was trained 1 day ago: less than %(asked)s days."),
    gettext_noop("It is not known how many rows are new."),
    gettext_noop("%(count)s of %(asked)s rows that are new to the live version: enough."),
    gettext_noop("%(count)s of %(asked)s rows that are new to the live version: not yet."),
    # as decisions of before tell it
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
    gettext_noop("A challenger of this model is being judged."),
    gettext_noop("No challenger of this model is being judged."),
    gettext_noop("A challenger passed the gate and waits for approval: decide on it first."),
    gettext_noop("No challenger waits for approval."),
    gettext_noop("It is not known whether anything has come since it was trained."),
    gettext_noop("Nothing has come since it was trained."),
    gettext_noop(
        "Nothing has come since the newest training, whose version is not live: it has learned from what is new to the live one."
    ),
    gettext_noop("New data have come since it was trained."),
    gettext_noop("It was never retrained."),
    gettext_noop("The last retraining began at %(began)s: the next may begin at %(free)s."),
    gettext_noop("The last retraining began at %(began)s: long enough ago."),
    gettext_noop("There is no limit to retrainings."),
    gettext_noop("%(spent)s of %(most)s retrainings in 30 days: none is left."),
    gettext_noop("%(spent)s of %(most)s retrainings in 30 days: not all are spent."),
    # the gate: who is judged on what, and what falls
    gettext_noop("Retrain by itself"),
    gettext_noop("A version that passes the gate"),
    gettext_noop("Days within which a promotion is taken back"),
    gettext_noop("any"),
    gettext_noop("automatic"),
    gettext_noop("approval"),
    gettext_noop("hand"),
    gettext_noop(
        "Between the trainings of versions %(before)s and %(after)s it was declared anew which column says whose data a row is, "
        "so that other rows were kept apart from each. Compare them by hand."
    ),
    gettext_noop(
        "A tenth of a table of a thousand rows or more is frozen, unless the model's `frozen_share` says otherwise."
    ),
    gettext_noop(
        "%(left_out)s more are frozen for the challenger alone: the champion has learned from "
        "them. Promote a version by hand once, and those after it can be judged."
    ),
    gettext_noop(
        "Without labels no answer is better than another: compare the versions by hand, and promote the one you want."
    ),
    gettext_noop("Forecasts are not judged by the gate: their versions differ in what they know. Compare them by hand."),
    gettext_noop(
        "Version %(number)s reads the column %(column)s, which the newer data set does not have: "
        "the two cannot answer the same rows. Compare them by hand."
    ),
    gettext_noop("The judgement stopped with %(fault)s; the worker's log has the details."),
    gettext_noop("The process that compared the two versions died three times. Look at the worker's log."),
    gettext_noop("There is no challenger to be judged: train another version first."),
    gettext_noop("A newer version has become the challenger meanwhile: ask the gate about it by hand."),
    gettext_noop("It passed the gate and waits for nobody's approval: promote the version by hand."),
    gettext_noop("Only a challenger that passed the gate and waits for approval can be approved."),
    gettext_noop("Only a challenger that passed the gate and waits for approval can be declined."),
    gettext_noop("Whoever began the training cannot approve what it made: ask another approver of the workspace."),
    gettext_noop("Somebody else has decided on this challenger at this moment."),
    gettext_noop("Version %(number)s is no longer the champion. Look who is live now, then decide again."),
    gettext_noop("%(labels)s labels of %(who)s have come; %(least)s are needed to compare."),
    gettext_noop("the champion"),
    gettext_noop("the version before it"),
    gettext_noop("%(own)s of %(labels)s labels are as it answered, %(other)s of %(before)s before it: surely worse."),
    gettext_noop("%(own)s of %(labels)s labels are as it answered, %(other)s of %(before)s before it: not surely worse."),
    gettext_noop("Its mean error on %(labels)s labels is %(own)s, and was %(other)s on %(before)s before it: surely worse."),
    gettext_noop(
        "Its mean error on %(labels)s labels is %(own)s, and was %(other)s on %(before)s before it: not surely worse."
    ),
    gettext_noop("Gate: %(reason)s"),
    gettext_noop("Send the gate's margins as an object, such as %(shown)s."),
    # live requests: champion and challenger side by side
    gettext_noop("The subject is a text of 1 to %(most)s characters, without signs that nobody sees."),
    gettext_noop("Only models whose answers labels can prove right or wrong share their traffic with a challenger."),
    gettext_noop("There is no challenger to share the traffic with: train another version first."),
    gettext_noop("Champion and challenger are compared already. End that comparison first."),
    gettext_noop("This comparison has ended already."),
    gettext_noop(
        "The challenger reads the column %(column)s, which the champion does not: requests without it are answered by the "
        "champion now, and refused once the challenger is live."
    ),
    gettext_noop("1 request could not be answered by the challenger, and was by the champion: %(why)s."),
    gettext_noop("%(count)s requests could not be answered by the challenger, and were by the champion: %(why)s."),
    gettext_noop("the column %(column)s is missing"),
    gettext_noop("it has no column %(column)s"),
    gettext_noop("the column %(column)s holds another kind of values"),
    gettext_noop("its files cannot be read"),
    gettext_noop("it does not take such rows"),
    gettext_noop("Version %(number)s is no longer the champion: the comparison ends."),
    gettext_noop("Another version was live meanwhile: the comparison ends."),
    gettext_noop("The files of version %(number)s cannot be read: the comparison ends."),
    gettext_noop("It ends after %(days)s days: it could not be weighed."),
    # what could not be done
    gettext_noop("Version %(number)s of %(name)s could not be judged."),
    gettext_noop("The retraining of %(name)s could not begin."),
    gettext_noop("%(labels)s labels have come for the arm with fewer; %(least)s are needed."),
    gettext_noop(
        "%(labels)s labels have come for the arm with fewer; %(least)s are needed. It ends after %(days)s days without a winner."
    ),
    gettext_noop("On %(labels)s labels each the challenger is ahead by %(low)s to %(high)s."),
    gettext_noop("On %(labels)s labels each the champion is ahead by %(low)s to %(high)s."),
    gettext_noop(
        "On %(labels)s labels each the challenger is ahead, but it left %(passed)s of its %(asked)s requests to the champion: it does not win "
        "as long as it cannot answer them."
    ),
    gettext_noop(
        "On %(labels)s labels each the challenger is ahead by %(low)s to %(high)s. It ends after %(days)s days without a winner."
    ),
)
