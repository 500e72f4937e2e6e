"""What the apps below say of detections; as `sentences` does of the rest."""

from django.utils.translation import gettext_noop

OF_DETECTIONS = (
    gettext_noop("The score of a class is its probability: give a number between 0 and 1."),
    gettext_noop("A score is a finite number."),
    gettext_noop("Somebody else has reviewed it meanwhile. Look at it again, then decide."),
    gettext_noop("This verdict does not follow the one it has: confirm it, or take that one back first."),
    gettext_noop(
        "%(count)s of these cannot get this verdict: they have another that it does not follow. Nothing was changed."
    ),
    gettext_noop("Only models of anomalies and of classes have alerts."),
    gettext_noop("A model of anomalies has no labels: what it calls unusual is the alert."),
    gettext_noop("Name the labels that are alerts, as they stand in the data set."),
    gettext_noop("The model answers no %(label)s; it answers %(known)s."),
    gettext_noop("The model has %(count)s suppression rules already. Delete one that is not needed."),
    gettext_noop("Give a list of at most %(count)s conditions."),
    gettext_noop("Give a condition on a column, or a score: a rule without any would hide everything."),
    gettext_noop("the model has no column %(name)s."),
    gettext_noop("the column holds numbers."),
    gettext_noop("the column holds booleans."),
    gettext_noop("the column holds texts."),
    gettext_noop("the ends are numbers or texts."),
    gettext_noop("a text has at most %(count)s characters."),
    gettext_noop("The least score is above the most."),
    gettext_noop("The rule would have ended already: give a time to come."),
    gettext_noop(
        "Greedy k-centre over the scaled columns (Gower distance, also to the last reviewed ones), half mixed with "
        "closeness to the threshold: the least of the scores that alert."
    ),
)
