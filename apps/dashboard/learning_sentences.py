"""What is said of learning from tables, and of what came of it."""

from django.utils.translation import gettext_noop

OF_LEARNING = (
    gettext_noop("%(rows)s rows without a value of %(column)s were left out."),
    gettext_noop("%(title)s does not do %(task)s; it does: %(known)s."),
    gettext_noop("%(title)s does not do %(task)s."),
    gettext_noop("%(title)s does: %(known)s."),
    gettext_noop("%(title)s needs a target: name the column to predict."),
    gettext_noop("There are %(rows)s rows to learn from; at least %(least)s are needed. Upload more data."),
    gettext_noop("No feature column is left to learn from. Choose at least one column besides the target."),
    gettext_noop("There is no algorithm %(slug)s."),
    gettext_noop("Choose one of: %(choices)s."),
    gettext_noop("There is no choice %(given)s here. Choose one of: %(choices)s."),
    gettext_noop("The column %(column)s is left out: %(why)s."),
    gettext_noop("The measure %(name)s is not a number and is left out."),
    gettext_noop(
        "The most probable class, %(label)s, is not in the set: such a row is rare among those that really are of it."
    ),
    gettext_noop("No parameters are taken: a search chooses them."),
    gettext_noop("The rows kept apart are of %(count)s groups: too few to say how sure the scores are. Upload more groups."),
    gettext_noop("Rows labelled %(label)s are taken for the anomalies: of the two labels it is the rarer."),
    gettext_noop(
        "Rows that hang together stay on one side: %(share)s of the rows are kept apart, where %(asked)s were asked for."
    ),
    gettext_noop("Only %(rows)s rows were kept apart: the scores say little. Upload more rows."),
    gettext_noop(
        "The bounds held %(found)s of the answers kept apart, where %(asked)s were asked for: "
        "take them for narrower than they should be."
    ),
    gettext_noop("Classes that stand only among the rows kept apart were learned, and never measured: %(names)s."),
    gettext_noop("The importance of %(count)s columns is not a number; they are not ranked."),
    gettext_noop(
        "On these %(rows)s rows it cannot be told from the trivial baseline (%(measured)s against %(theirs)s): "
        "upload more rows, or columns that say more."
    ),
    gettext_noop(
        "A plain linear model does better (%(measured)s against %(ours)s): take it, or look for what this model misses."
    ),
    gettext_noop("It does worse where %(column)s is missing: %(measured)s on %(rows)s rows, %(others)s elsewhere."),
    gettext_noop("It does worse where %(column)s is %(value)s: %(measured)s on %(rows)s rows, %(others)s elsewhere."),
    gettext_noop(
        "It does worse where %(column)s is between %(low)s and %(high)s: %(measured)s on %(rows)s rows, "
        "%(others)s elsewhere."
    ),
    gettext_noop("ROC AUC %(score)s"),
    gettext_noop("accuracy %(score)s"),
    gettext_noop("root mean squared error %(score)s"),
    gettext_noop("silhouette %(score)s"),
    gettext_noop("adjusted Rand index %(score)s"),
    gettext_noop("it holds no value"),
    gettext_noop("it always holds the same value"),
    gettext_noop("nearly every row has a text of its own, as an identifier has"),
    gettext_noop("it has more than %(most)s different texts"),
    gettext_noop("No column is left to learn from: %(detail)s"),
    gettext_noop("None of the %(count)s columns can be learned from. The first: %(detail)s"),
    gettext_noop("A value is needed."),
    gettext_noop("Give true or false."),
    gettext_noop("Give a number."),
    gettext_noop("Give a whole number."),
    gettext_noop("Give a number between %(low)s and %(high)s."),
    gettext_noop("Give a whole number between %(low)s and %(high)s."),
    gettext_noop("There is no parameter %(name)s here; known: %(names)s."),
    gettext_noop("There is no parameter %(name)s here; did you mean %(meant)s? Known: %(names)s."),
    gettext_noop(
        "%(count)s labelled answers were left out: they do not fit the data set's columns, or name a class that is still rare."
    ),
    gettext_noop("%(column)s: %(value)s was never seen in training"),
    gettext_noop("%(column)s: it is missing, and never was in training"),
    gettext_noop("every value of it is missing: the answer is a guess"),
    gettext_noop("%(column)s: %(value)s lies outside what was seen in training, %(least)s to %(largest)s"),
    gettext_noop(
        "The groups are not stable: grouped anew by four fifths of the dense rows they agree by %(found)s, where 1 is the same. "
        "Do not build on them: give another reach, or more rows."
    ),
    gettext_noop("Row %(row)s: %(column)s takes %(wanted)s or null, not %(value)s."),
    gettext_noop("%(column)s takes %(wanted)s or null, not %(value)s."),
    gettext_noop("a number"),
    gettext_noop("a text"),
    gettext_noop("true or false"),
    gettext_noop("a date such as 2026-01-31"),
    gettext_noop("a date and time such as 2026-01-31T08:30:00"),
    gettext_noop("Row %(row)s: the column %(column)s is missing; give null where its value is not known."),
    gettext_noop("Row %(row)s must be an object of column names and values."),
    gettext_noop("Row %(row)s: the model has no column %(column)s."),
    gettext_noop("Row %(row)s: the model has no column %(column)s.%(hint)s"),
    gettext_noop("It is what the model predicts: leave it out."),
    gettext_noop("%(detail)s (and %(count)s more)"),
    gettext_noop("probability of %(label)s"),
    gettext_noop("log-odds of %(label)s"),
    gettext_noop("score of %(label)s"),
    gettext_noop("minus the mean path length (higher: more unusual)"),
    gettext_noop("exact tree Shapley values"),
    gettext_noop("sampled Shapley values"),
    gettext_noop("exact parts of a squared distance"),
    gettext_noop("share of rows whose group changes without the column (%(shuffles)s shuffles, %(rows)s rows)"),
    gettext_noop(
        "No row has %(wanted)s neighbours within %(reach)s, so there is no group. Give a longer rea"
        "ch, or fewer neighbours of a dense row."
    ),
    gettext_noop("There is one group only. Give a shorter reach to tell more groups apart."),
    gettext_noop("mean absolute contribution (sampled Shapley values, %(rows)s rows)"),
    gettext_noop("It learned from %(rows)s rows, drawn at random: more take it too long."),
    gettext_noop("mean absolute contribution (exact tree Shapley values, %(rows)s rows)"),
    gettext_noop("mean absolute contribution (exact tree Shapley values of %(used)s of %(known)s trees, %(rows)s rows)"),
    gettext_noop("groups are kept whole on one side"),
    gettext_noop("rows are kept apart at random, each class in its share"),
    gettext_noop("rows are kept apart at random"),
    gettext_noop("the latest rows are kept apart"),
    gettext_noop("All rows belong to one group, so none can be kept apart to measure with. Choose another group column."),
    gettext_noop(
        "Every row has the same value of %(column)s: %(value)s. Two classes at least are needed to learn a "
        "difference; upload rows of the others."
    ),
    gettext_noop(
        "The column %(column)s has %(count)s different values; at most %(most)s classes can be learned. Is it a "
        "number to predict (choose regression), or an identifier?"
    ),
    gettext_noop(
        "Some classes of %(column)s have a single row to learn from: %(names)s. Remove those rows, merge the "
        "classes, or upload more of them."
    ),
    gettext_noop(
        "The column %(column)s holds text; a regression predicts a number. Choose classification, or a numeric column."
    ),
    gettext_noop(
        "None of the rows kept apart is of a class of %(column)s that was there to learn from. Choose another way "
        "to keep rows apart, or upload more rows."
    ),
)
