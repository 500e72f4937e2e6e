"""What the apps below say of privacy, of samples and of files of labels; as `sentences` does of the rest."""

from django.utils.translation import gettext_noop

OF_PRIVACY = (
    gettext_noop("The newest version that is ready has no column %(name)s."),
    gettext_noop("No version is ready yet."),
    gettext_noop("%(rows)s rows were erased on %(day)s at the request of their subject; the file was written anew."),
    gettext_noop("All %(rows)s rows were erased on %(day)s at the request of their subject."),
    gettext_noop("The upload was refused, so nobody could tell whose rows it held: its file was destroyed with an erasure."),
    gettext_noop("The file was taken away while it was filed, by an erasure of the same bytes. Send it again."),
    gettext_noop(
        "The file needs a column prediction (ids that predict/ answered), and label or correct; it may have "
        "known_at and subject."
    ),
    gettext_noop("The column %(name)s is none of prediction, label, correct, known_at and subject. Leave it out."),
    gettext_noop("Reading stopped with %(error)s; the worker's log has the details."),
    gettext_noop("The Parquet file cannot be read."),
    gettext_noop("Write true or false."),
    gettext_noop("Write the time as 2026-01-31T08:30:00Z, or the date as 2026-01-31."),
    gettext_noop("The label is not written as the model's are."),
    gettext_noop("%(count)s files of labels of this workspace are being read. Wait for some to end."),
    gettext_noop("The file is larger than the %(limit)s MiB a file of labels may have."),
    gettext_noop("The process that read this file died three times. Split the file, or look at the worker's log."),
    gettext_noop("A sample is kept only where whoever it is of has agreed: send consent: true once they have."),
    gettext_noop("%(count)s samples of a day are kept of one user. Go on tomorrow."),
    gettext_noop("The file is larger than the %(limit)s MiB that a sample may have."),
    gettext_noop("The file is no JPEG, PNG or WebP image and no WAV sound, or it is broken off."),
    gettext_noop("The model has no trained version yet, so there is nothing to judge."),
    gettext_noop("What a forecast says of a step is known once the step has come. Send labels when they are known."),
    gettext_noop(
        "Erasing cannot be undone: look first at what it would reach. POST the same subject with dry_run: true, "
        "wait until that request is completed, and name its id here as counted, within 24 hours."
    ),
    gettext_noop("This is not the id that was counted: write it as it was written then."),
    gettext_noop("This installation keeps it for at most %(days)s days."),
    gettext_noop("%(count)s requests of this workspace wait already. Wait for some to end."),
    gettext_noop("It stopped with %(error)s; the worker's log has the details. Ask again: it goes on where it was."),
    gettext_noop("Backups made before this time still hold the rows: after restoring one, erase again."),
    gettext_noop("Models that learned from the rows cannot unlearn them: they are marked, and are to be trained again."),
    gettext_noop(
        "The bytes of files were removed from the file system; what a disk keeps of removed files is not overwritten."
    ),
    gettext_noop("Rows of this subject still come in. Stop what sends them."),
    gettext_noop("A file of labels is still being read."),
    gettext_noop("A batch over such a data set is still being scored."),
    gettext_noop("Version %(number)s of %(name)s is still being checked."),
    gettext_noop(
        "The process that worked on this died twenty times. Look at the worker's log, then ask again: it goes on "
        "where it was."
    ),
    gettext_noop(
        "It learned from %(rows)s rows that were erased since. What it learned from them cannot be taken out of "
        "it: train the model again, and let the new version go live."
    ),
    gettext_noop("The column %(name)s says whose data a row is: nothing is learned from it. Choose other columns."),
    gettext_noop("The chain ends at place %(place)s; its head says %(head)s. The newest links were removed or altered."),
    gettext_noop("Entry %(entry)s (%(verb)s), or the link before it, was altered."),
    gettext_noop("%(count)s links before place %(place)s were removed."),
    gettext_noop("Entry %(entry)s was removed."),
    gettext_noop("A subject is an id of 1 to %(most)s characters, written as in the data."),
)
