"""What the apps below say of drift; as `sentences` does of the rest."""

from django.utils.translation import gettext_noop

OF_DRIFT = (
    # a check
    gettext_noop("The model has no trained version yet, so there is nothing to compare with."),
    gettext_noop("The process that compared these rows died three times. Look at the worker's log."),
    gettext_noop("The check stopped with %(error)s; the worker's log has the details."),
    gettext_noop(
        "Version %(number)s keeps no profile of what it learned from: it was made by an earlier release. "
        "Train the model again."
    ),
    gettext_noop("A forecast is not checked for drift: it learns from its own series, whose values move on."),
    # what a detector says of a column
    gettext_noop(
        "Not enough data: %(known)s of %(rows)s rows have a value, and %(reference)s rows of the reference; "
        "%(least)s are needed."
    ),
    gettext_noop("Not enough data: %(rows)s rows and %(reference)s of the reference; %(least)s are needed."),
    gettext_noop("The column holds no categories."),
    gettext_noop("The column holds no numbers."),
    gettext_noop("%(level)s is %(now)s of the rows, before it was %(before)s."),
    gettext_noop(
        "The rows' distance from the reference is %(distance)s, on a scale from 0 (alike) to 1 (nothing in common)."
    ),
    gettext_noop("It was always %(value)s; %(now)s of the rows now differ."),
    gettext_noop("%(now)s of the rows lie below %(edge)s, before it was %(before)s; the mean is still about %(mean)s."),
    gettext_noop("%(now)s of the rows are %(edge)s or less, before it was %(before)s; the mean is still about %(mean)s."),
    gettext_noop("%(detail)s; the mean is still about %(mean)s."),
    gettext_noop(
        "%(now)s of the rows lie below %(edge)s, before it was %(before)s; the mean went from %(mean)s to %(moved)s "
        "(%(shift)s standard deviations)."
    ),
    gettext_noop(
        "%(now)s of the rows are %(edge)s or less, before it was %(before)s; the mean went from %(mean)s to "
        "%(moved)s (%(shift)s standard deviations)."
    ),
    gettext_noop("%(detail)s; the mean went from %(mean)s to %(moved)s (%(shift)s standard deviations)."),
    gettext_noop("No value is missing, as before."),
    gettext_noop("%(now)s of the rows miss a value, before it was %(before)s."),
    gettext_noop("The column has too many levels to list them all: a new one shows as a change of their shares."),
    gettext_noop("No new category was met."),
    gettext_noop("%(now)s of the rows have a category that was never seen in training, such as %(levels)s."),
    gettext_noop("%(now)s of the rows lie outside what was seen in training, %(least)s to %(largest)s."),
    gettext_noop("All rows lie within what was seen in training."),
    gettext_noop("About %(share)s of the rows lie in other bins than before: a %(how)s shift (index %(index)s)."),
    gettext_noop("large"),
    gettext_noop("moderate"),
    gettext_noop("small"),
    gettext_noop("less than 0.1 %"),
    gettext_noop("The reference holds one value only: it has no spread to measure by."),
    gettext_noop("The rows moved by %(distance)s standard deviations on average."),
    # all columns at once, streams, estimates
    gettext_noop("All rows are alike: there is nothing to tell them by."),
    gettext_noop("A classifier tells current rows from those of training with a ROC AUC of %(area)s (0.50 is guessing)."),
    gettext_noop(
        "A classifier tells current rows from those of training with a ROC AUC of %(area)s (0.50 is guessing), "
        "mainly by %(columns)s."
    ),
    gettext_noop("The mean went from %(old)s to %(new)s at observation %(at)s; seen at %(seen)s."),
    gettext_noop(
        "Labels give %(measured)s where %(expected)s was expected (standard error %(spread)s): the estimate is no "
        "longer to be trusted."
    ),
    gettext_noop(
        "Labels give %(measured)s where %(expected)s was expected (standard error %(spread)s): chance explains that."
    ),
    gettext_noop(
        "Labels give %(measured)s where %(expected)s was expected (standard error %(spread)s): that is too little to matter."
    ),
    gettext_noop("log loss %(score)s"),
    gettext_noop("Performance changed at label %(label)s on %(day)s: the share of errors went from %(before)s to %(now)s."),
    gettext_noop("Performance changed at label %(label)s on %(day)s: the mean error went from %(before)s to %(now)s."),
    gettext_noop("Not enough data: %(rows)s rows of this window; %(least)s are needed."),
    gettext_noop(
        "All columns at once were not looked at: the table of %(name)s, version %(number)s, which the version "
        "learned from, cannot be read any more."
    ),
    gettext_noop(
        "All columns at once were not looked at: the table of %(name)s, version %(number)s, no longer holds the "
        "columns that the version learned from."
    ),
    gettext_noop("All columns at once were not looked at: that stopped with %(error)s; the worker's log has the details."),
    gettext_noop("Look at what these columns have to do with one another: their source may join or compute them otherwise."),
    # the verdict on a column
    gettext_noop("No change that is more than chance and large enough to matter."),
    gettext_noop("Drifted since %(since)s; this window has not enough data to tell whether it still does."),
    gettext_noop("Seen in this window only: it alarms if the next one shows it too."),
    gettext_noop("Seen since %(since)s."),
    gettext_noop("Look at the source that fills this column."),
    gettext_noop("Check whether these are typing faults; if not, train on rows that have them."),
    gettext_noop("Check the unit and the source; if the values are right, train on rows that have them."),
    gettext_noop("Compare recent answers with what came true, and train on newer rows if the model does worse."),
    gettext_noop(
        "The model answers otherwise than it did: look at the columns that drifted, and ask for labels of recent rows."
    ),
    # the verdict on a window; its parts come one after the other
    gettext_noop("This window has not enough data to tell whether anything drifts."),
    gettext_noop("%(columns)s drifted before."),
    gettext_noop("%(columns)s and %(count)s more columns drifted before."),
    gettext_noop("%(columns)s drifted before. This window has not enough data to tell whether anything drifts."),
    gettext_noop(
        "%(columns)s and %(count)s more columns drifted before. This window has not enough data to tell whether anything drifts."
    ),
    gettext_noop("%(columns)s drifted in two windows in a row."),
    gettext_noop("%(columns)s and %(count)s more columns drifted in two windows in a row."),
    gettext_noop("%(columns)s drifted in this window for the first time."),
    gettext_noop("%(columns)s and %(count)s more columns drifted in this window for the first time."),
    gettext_noop("%(columns)s drifted in two windows in a row. %(others)s drifted in this window for the first time."),
    gettext_noop(
        "%(columns)s and %(count)s more columns drifted in two windows in a row. %(others)s drifted in this window "
        "for the first time."
    ),
    gettext_noop(
        "%(columns)s drifted in two windows in a row. %(others)s and %(more)s more columns drifted in this window "
        "for the first time."
    ),
    gettext_noop(
        "%(columns)s and %(count)s more columns drifted in two windows in a row. %(others)s and %(more)s more "
        "columns drifted in this window for the first time."
    ),
    gettext_noop("They carry %(share)s of the model's importance."),
    gettext_noop("%(detail)s They carry %(share)s of the model's importance."),
    gettext_noop("The model's answers drifted."),
    gettext_noop("%(detail)s The model's answers drifted."),
    gettext_noop("The columns no longer go together as they did."),
    gettext_noop("%(detail)s The columns no longer go together as they did."),
    gettext_noop("Nothing drifted."),
)
