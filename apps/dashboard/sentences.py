"""What the apps below say in English, to machines and people alike; pages say it in the reader's language.

A sentence with values is a template: `%(name)s` stands for a value. `words.translated` finds the one that fits.
"""

from django.utils.translation import gettext_noop

from apps.dashboard.alert_sentences import OF_ALERTS
from apps.dashboard.detection_sentences import OF_DETECTIONS
from apps.dashboard.drift_sentences import OF_DRIFT
from apps.dashboard.forecast_sentences import OF_FORECASTS
from apps.dashboard.learning_sentences import OF_LEARNING
from apps.dashboard.privacy_sentences import OF_PRIVACY
from apps.dashboard.retraining_sentences import OF_RETRAINING
from apps.dashboard.search_sentences import OF_SEARCHES
from apps.dashboard.system_sentences import OF_THE_SYSTEM

SENTENCES = (
    *OF_LEARNING,
    *OF_FORECASTS,
    *OF_SEARCHES,
    *OF_DRIFT,
    *OF_DETECTIONS,
    *OF_RETRAINING,
    *OF_THE_SYSTEM,
    *OF_PRIVACY,
    *OF_ALERTS,
    # a training
    gettext_noop("The training stopped with %(error)s. The worker's log has the details; check the data and parameters."),
    gettext_noop(
        "The stored table of %(name)s, version %(number)s, is missing or damaged. Upload the file again as a new version."
    ),
    gettext_noop(
        "The light predictor differs from the model by %(size)s; this is a fault of the platform: please report it."
    ),
    gettext_noop(
        "The main score (%(metric)s) is not a number, so this model could not be compared with any other. Check "
        "the target for extreme values, and that the rows kept apart hold more than one value of it."
    ),
    gettext_noop("The model is no better than the trivial baseline: it is not worth having as it is."),
    gettext_noop("%(reason)s It was tried %(count)s times."),
    gettext_noop("The worker that ran this training died."),
    gettext_noop("The worker was stopped; the training starts again when it is back."),
    gettext_noop(
        "The training took more than the %(limit)s seconds allowed. Use fewer rows, fewer trees, or ask for a higher limit."
    ),
    gettext_noop(
        "The training reached its memory limit of %(limit)s GiB. Use fewer rows or columns, smaller or fewer "
        "trees, or a higher limit."
    ),
    gettext_noop("The training process was killed (signal 9), maybe because the machine ran out of memory."),
    gettext_noop("The training process crashed (signal %(number)s, %(name)s) in a library."),
    gettext_noop("The training process ended by itself with exit code %(number)s, before it had a result."),
    gettext_noop("The training process ended without a result."),
    gettext_noop("This workspace has %(count)s trainings waiting already. Wait for some to end."),
    gettext_noop("The model is archived."),
    gettext_noop("No such data set."),
    gettext_noop("The workspace has no such data set."),
    gettext_noop("The data set is %(status)s; it can be trained on once it is ready."),
    gettext_noop("The data set is %(status)s; it can be scored once it is ready."),
    gettext_noop("The data set does not have every column that the model names. %(detail)s"),
    gettext_noop("The rows cannot be put in order by %(column)s: it holds text. Choose a date or a number."),
    gettext_noop("There is no column %(column)s. %(hint)s"),
    gettext_noop("Did you mean %(names)s?"),
    gettext_noop("Its columns are: %(names)s."),
    gettext_noop("The campaign is %(status)s already."),
    # models and versions
    gettext_noop("The target cannot be one of the features: the model would copy it."),
    gettext_noop("The model has trained versions, so its %(names)s cannot change. Register another model."),
    gettext_noop("The model is being trained, so its %(names)s cannot change. Wait for the training, or cancel it."),
    gettext_noop("A target is needed."),
    gettext_noop("Name the column to predict."),
    gettext_noop("There is a model named %(name)s in this workspace already. Choose another name."),
    gettext_noop("The model's %(names)s changed while it was trained, so this version is not of it. Train it again."),
    gettext_noop("Version %(number)s is the champion already."),
    gettext_noop("The champion changed at this moment. Look who is live now, then decide again."),
    gettext_noop("Version %(number)s cannot go live: %(detail)s The champion stays as it was."),
    gettext_noop("The champion is %(age)s days old; it is to be retrained every %(days)s days."),
    gettext_noop("The champion is no better than the trivial baseline."),
    gettext_noop("A newer version of its data set is ready."),
    gettext_noop("first version"),
    gettext_noop("rollback"),
    gettext_noop("newest version"),
    gettext_noop("The model has no trained version yet."),
    gettext_noop(
        "The model has no trained version yet. POST a dataset to its train/ route, and wait for the campaign to complete."
    ),
    gettext_noop("The live version cannot answer: %(detail)s Roll the model back, or train it again."),
    gettext_noop("The file %(name)s does not belong there."),
    gettext_noop("The link %(name)s does not belong there."),
    gettext_noop("The file %(name)s is missing."),
    gettext_noop("The file %(name)s does not match its checksum."),
    gettext_noop("The file %(name)s is missing or was changed."),
    gettext_noop(
        "The manifest of version %(number)s does not carry this platform's signature. If SECRET_KEY was changed, "
        "run `manage.py resign_versions`."
    ),
    gettext_noop("The files of version %(number)s are missing."),
    gettext_noop("The files of version %(number)s lie outside of the store."),
    gettext_noop("The files of version %(number)s cannot be read (%(error)s)."),
    gettext_noop("The row of version %(number)s does not say what its manifest says."),
    # predictions
    gettext_noop("There is no row to predict."),
    gettext_noop("Send at least one row."),
    gettext_noop(
        "%(rows)s rows were sent; at most %(most)s are answered at once. Send them in portions, or as a batch prediction."
    ),
    gettext_noop("%(rows)s rows were sent; at most %(most)s are explained at once. Send them in portions."),
    gettext_noop("The data set's last upload was refused, so there is nothing to train on. Upload a corrected file."),
    gettext_noop("Every value looks like a date with a year of two digits, yet it is read as text: write four."),
    gettext_noop(
        "There is no earlier champion to go back to; one that was rolled back from does not count. Promote the "
        "version you want."
    ),
    gettext_noop("The data set has no column %(column)s, which the model needs."),
    gettext_noop("Scoring stopped with %(error)s; the worker's log has the details."),
    gettext_noop("The process that scored this data set died three times. Split the data set, or look at the worker's log."),
    gettext_noop("The predictor has format %(number)s; this release reads %(known)s. Upgrade the platform."),
    gettext_noop(
        "No algorithm here reads predictors of the kind %(name)s. Install its package again, and name it in %(setting)s."
    ),
    gettext_noop("The folder %(name)s holds files already."),
    gettext_noop("The files are those of %(name)s, not of %(other)s."),
    gettext_noop("%(name)s was asked before it was fitted or loaded."),
    gettext_noop(
        "The files were written with %(library)s %(version)s; here is %(present)s. "
        "Install that version to read them, or train again: the light predictor still answers."
    ),
    gettext_noop(
        "The files were written with %(library)s %(version)s; here is %(present)s. "
        "Compare some answers before you rely on them."
    ),
    # verdicts and labels
    gettext_noop("The model has made no prediction %(prediction)s. Give an id that predict/ has answered."),
    gettext_noop("Verdict %(place)s: the model has made no prediction %(prediction)s."),
    gettext_noop("The prediction %(prediction)s was erased meanwhile. Nothing was taken: send the others again."),
    gettext_noop("Verdict %(place)s is on the same prediction, by the same giver, as verdict %(other)s. Send one of them."),
    gettext_noop("Say whether the prediction was correct, or give the label that was true."),
    gettext_noop("The subject looks like an e-mail address. Send a pseudonym that says nothing of the person."),
    gettext_noop("A subject is a pseudonym of at most 64 letters, digits and the signs _ . : -."),
    gettext_noop("A label becomes known after the prediction, and not in the future."),
    gettext_noop("Groups have no true labels. Say whether the answer was correct."),
    gettext_noop("The label of such a prediction is a number."),
    gettext_noop("The label is -1 for an unusual row and 1 for a usual one."),
    gettext_noop("The model knows no class %(label)s. Did you mean %(name)s?"),
    gettext_noop("The label is written as the classes of the model are: %(names)s."),
    gettext_noop("The label and the verdict contradict each other: leave one of them out."),
    # files
    gettext_noop("The disk is full. Free some space and try again; nothing was changed."),
    gettext_noop("The disk is full (%(size)s bytes were needed). Free some space and try again; nothing was changed."),
    gettext_noop("The disk is full%(needed)s. Free some space and try again; nothing was changed."),
    gettext_noop(
        "The platform cannot write its files (%(reason)s). Nothing was changed; its operator must look at the disk."
    ),
    gettext_noop("The data set is archived."),
    gettext_noop("The model was archived while it was trained, so this version is not kept."),
    gettext_noop("The data set was removed meanwhile."),
    gettext_noop("The upload was removed while it was checked."),
    gettext_noop("The file was stored, but the data set was archived or removed meanwhile."),
    gettext_noop("The file is larger than the %(limit)s MiB this platform accepts. Split it, or ask its operator."),
    gettext_noop("The file is empty."),
    gettext_noop("The file holds no byte."),
    gettext_noop("Reading the file needs more than the %(limit)s MiB allowed. Split it, or send it as Parquet."),
    gettext_noop("Reading the file took more than %(limit)s minutes. Split it."),
    gettext_noop(
        "The process that read the file died (%(how)s), perhaps at its memory limit of %(limit)s MiB. Split the "
        "file, or send Parquet."
    ),
    gettext_noop("The process that read the file died three times."),
    gettext_noop("exit code %(number)s"),
    gettext_noop("This is %(what)s, not a CSV file. %(instead)s"),
    gettext_noop("an Excel workbook or a ZIP archive"),
    gettext_noop("an old Excel workbook"),
    gettext_noop("a gzip archive"),
    gettext_noop("a PDF"),
    gettext_noop("an HDF5 file"),
    gettext_noop("a Python pickle"),
    gettext_noop("In Excel, use “Save as” and choose CSV, or send Parquet."),
    gettext_noop("Unpack it first."),
    gettext_noop("Export the table as CSV."),
    gettext_noop("a picture"),
    gettext_noop("Send the table as CSV or Parquet."),
    gettext_noop("This is JSON, not a CSV file. Write its rows as CSV or Parquet and send that."),
    gettext_noop("Send one file at a time: each is a data set, or a version, of its own."),
    gettext_noop(
        "A name is one line that can be seen, without control characters or marks that turn the direction of writing."
    ),
    gettext_noop("That is not the password in use."),
    gettext_noop("Rows are kept apart by groups or by time, not by both: leave one of them empty."),
    gettext_noop("%(name)s is what is predicted: the rows to keep apart cannot be chosen by it. Choose another column."),
    gettext_noop("Send the table as CSV or Parquet; stored models are not accepted."),
    gettext_noop("Send the table as CSV or Parquet; pickles are never opened."),
    gettext_noop("Line %(line)s is longer than %(limit)s KiB. Is a quote left open?"),
    gettext_noop("The file holds binary data, not text. Send a CSV or a Parquet file."),
    gettext_noop("The file holds no text."),
    gettext_noop("The header names %(count)s columns; at most %(limit)s are accepted."),
    gettext_noop("The file says that it is UTF-8 and holds bytes that are not. Save it again as UTF-8."),
    gettext_noop("The text cannot be decoded as %(encoding)s: %(error)s."),
    gettext_noop("The header cannot be read: %(error)s."),
    gettext_noop("Column %(number)s has no name; it is called %(name)s."),
    gettext_noop("The name of column %(number)s is cut to %(length)s characters."),
    gettext_noop("A second column %(name)s is called %(other)s."),
    gettext_noop("The file holds NUL characters. Export it again as plain text."),
    gettext_noop("%(column)s: decimal comma"),
    gettext_noop("%(column)s: thousands separated"),
    gettext_noop("%(column)s: dates read as day/month/year"),
    gettext_noop("%(column)s: dates read as month/day/year"),
    gettext_noop("%(column)s: times read as day/month/year"),
    gettext_noop("%(column)s: times read as month/day/year"),
    gettext_noop("%(column)s: times with offsets, kept as those of UTC"),
    gettext_noop("It is %(name)s in another scale; if one is the target, leave the other out."),
    gettext_noop("The column holds no value."),
    gettext_noop("The column always holds the same value; nothing can be learned from it."),
    gettext_noop("%(share)s of the values are missing."),
    gettext_noop("Every row has its own value: this looks like an identifier."),
    gettext_noop("The rarest value makes up %(share)s of the rows; as a target it is hard to learn."),
    gettext_noop("It holds the same values as %(name)s."),
    gettext_noop("The column %(column)s holds %(kind)s; only numbers, texts, true or false, dates and times are accepted."),
    gettext_noop("The file has a header and no row below it."),
    gettext_noop("%(count)s values are infinite or too large for a number; they count as missing."),
    gettext_noop("%(numbers)s of %(known)s values are numbers, yet it is read as text because of others: row %(rows)s."),
    gettext_noop("This row has %(count)s cells; the header names %(columns)s columns."),
    gettext_noop("A quote is opened near row %(row)s and the quotes of the file do not pair; close it, or double it."),
    gettext_noop("The table has %(count)s columns; 1 to %(limit)s are accepted."),
    gettext_noop("The table has %(count)s rows; 1 to %(limit)s are accepted."),
    gettext_noop("A date lies outside the years 1 to 9999."),
    gettext_noop("The file has more than %(limit)s rows; split it."),
    gettext_noop("A cell holds %(size)s bytes; at most %(limit)s are accepted."),
    gettext_noop("The Parquet file cannot be read: %(error)s"),
    gettext_noop("The file cannot be read as CSV: %(error)s"),
    gettext_noop("A quote is never closed, or a row is over %(limit)s MiB."),
    gettext_noop("%(column)s: thousands space"),
    gettext_noop("%(column)s: thousands apostrophe"),
    gettext_noop("%(column)s: thousands point"),
    gettext_noop("%(column)s: thousands comma"),
    gettext_noop("%(column)s: currency sign"),
    gettext_noop("%(column)s: percents, 12 %% read as 12"),
    gettext_noop("A quote is opened and the quotes of the file do not pair; close it, or double it."),
    gettext_noop("A quote is opened in the header and the quotes of the file do not pair; close it, or double it."),
    gettext_noop("What stands above row %(line)s (%(title)s) is a title; the names are taken from row %(row)s."),
    gettext_noop("%(count)s of %(known)s values are %(sort)s, yet it is read as text because of others: row %(rows)s."),
    gettext_noop(
        "%(count)s of %(known)s values carry a percent sign, yet it is read as text because others carry none: row %(rows)s."
    ),
    gettext_noop(
        "Every value starts with a date, yet it is read as text: the times are not all there or do not exist, or only "
        "some carry an offset."
    ),
    gettext_noop("1 value is infinite or too large for a number; it counts as missing."),
    gettext_noop("numbers"),
    gettext_noop("dates"),
    gettext_noop("The rarest value stands in %(count)s of %(known)s rows; as a target it is hard to learn."),
    gettext_noop("This row has %(cells)s; the header names %(width)s."),
    gettext_noop("1 cell"),
    gettext_noop("%(count)s cells"),
    gettext_noop("1 column"),
    gettext_noop("%(count)s columns"),
    gettext_noop("Version %(number)s had this column; it is missing here."),
    gettext_noop("Version %(number)s did not have this column."),
    gettext_noop("It is read as %(kind)s; version %(number)s read it as %(other_kind)s."),
    gettext_noop("integer"),
    gettext_noop("number"),
    gettext_noop("boolean"),
    gettext_noop("date"),
    gettext_noop("datetime"),
    gettext_noop("category"),
    gettext_noop("text"),
    gettext_noop("The disk is full. The file is read as soon as there is room again."),
    gettext_noop("The database could not be reached. The file is read as soon as it can be."),
    gettext_noop("The folder of the data sets cannot be written. The file is read as soon as it can be."),
    # people
    gettext_noop("This needs the right to %(act)s; %(held)s. It takes %(needed)s: ask an owner of the workspace."),
    gettext_noop("your role is %(role)s"),
    gettext_noop("your key's scope is %(scope)s"),
    gettext_noop("the role %(role)s or a wider one"),
    gettext_noop("a key of scope %(scope)s or wider"),
    gettext_noop("A key of scope %(scope)s cannot %(deed)s one of scope %(wider)s."),
    gettext_noop("The key would have expired already. Give a time to come, or none."),
    gettext_noop("The key in use expires at %(end)s; a key made with it cannot live longer."),
    gettext_noop("No such user."),
    gettext_noop("A workspace needs an owner: make another member owner first."),
    gettext_noop("%(name)s is a member already; change the role instead."),
    gettext_noop("This user is a member already; change the role instead."),
    gettext_noop("There is no active user named %(name)s."),
    gettext_noop("Too many failed attempts to sign in. Wait %(seconds)s seconds, then try again."),
    gettext_noop("Another request wrote the same at the same moment. Look at the present state, then try again if need be."),
    gettext_noop("Nothing with this id in your workspaces."),
    gettext_noop("The database did not answer. Try again."),
    gettext_noop("The body is larger than this route accepts."),
    gettext_noop("The body is larger than %(limit)s MiB. Send fewer rows at once, or a batch prediction of a dataset."),
    gettext_noop("%(reason)s, so the model cannot be measured. Choose another way to keep rows apart, or upload more rows."),
    gettext_noop("The column %(column)s holds no value, so there is nothing to learn from. Choose another target."),
    gettext_noop("The column %(column)s holds dates; a regression predicts a number. Choose a numeric column."),
    gettext_noop("Every row has the same value of %(column)s: there is nothing to predict. Choose another target."),
    gettext_noop("The column %(column)s holds numbers beyond 1e18, too large to learn. Divide them, or mend them."),
    gettext_noop("The column %(column)s holds dates; a classification predicts a class. Choose a column of classes."),
    gettext_noop(
        "Every row has the same value of %(column)s. Two classes at least are needed to learn a difference; upload "
        "rows of the others."
    ),
    gettext_noop(
        "The column %(column)s has %(count)s different values in %(rows)s rows; each class needs two rows at "
        "least. Is it a number to predict (choose regression), or an identifier?"
    ),
    gettext_noop(
        "Some classes of %(column)s have a single row. Remove those rows, merge the classes, or upload more of them."
    ),
    gettext_noop("No class of %(column)s has three rows, so none can be kept apart to measure with. Upload more rows."),
    gettext_noop("The name of column %(number)s held control characters."),
    gettext_noop("The text in row %(row)s holds a NUL character. Remove it, and send the table again."),
    gettext_noop("The name of a column is not UTF-8."),
    gettext_noop("%(count)s batches of this workspace wait or run already. Wait for some to end."),
    gettext_noop(
        "There are %(rows)s rows; at least %(least)s are needed, a fifth of which is kept apart. Upload more data."
    ),
    gettext_noop("None of the rows kept apart has a value of %(column)s"),
    gettext_noop("No row is kept apart"),
    gettext_noop("Only an upload that was refused can be removed. Archive the data set instead."),
    gettext_noop("The model is archived already."),
    gettext_noop("The column %(column)s holds %(what)s; the model learned from %(wanted)s."),
    gettext_noop("The model's workspace has no data set of this id."),
    gettext_noop("texts"),
    # the demo's models
    gettext_noop("Which invoices will be paid more than 30 days late? Demo data, made by the platform."),
    gettext_noop("How many days after the due date will an invoice be paid? Demo data, made by the platform."),
)
