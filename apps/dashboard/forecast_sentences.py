"""What the apps below say of series and forecasts; as `sentences` does of the rest."""

from django.utils.translation import gettext_noop

OF_FORECASTS = (
    gettext_noop(
        "On these %(rows)s series it cannot be told from the trivial baseline (%(measured)s against %(theirs)s): "
        "upload more series, or columns that say more."
    ),
    gettext_noop("mean absolute scaled error %(score)s"),
    gettext_noop("the last part of each series is kept apart"),
    gettext_noop("A forecast is of what comes next, not of a data set's rows. Ask predict/ for a horizon instead."),
    gettext_noop("A forecast needs the column that holds the times. Name it."),
    gettext_noop(
        "A horizon of %(asked)s needs %(needed_steps)s steps: as many to learn from, to calibrate and to measure. The "
        "longest series has %(longest)s. Give a horizon of %(most)s or less, or upload more."
    ),
    gettext_noop("A time column is needed."),
    gettext_noop("Name the column of the times."),
    gettext_noop(
        "Between %(start)s and %(end)s, %(missing)s rows of %(which)s are missing; at most %(most)s may be. Post them "
        "too, or train again on newer data."
    ),
    gettext_noop("the series %(name)s"),
    gettext_noop("the series"),
    gettext_noop("The series %(name)s"),
    gettext_noop("This series"),
    gettext_noop("Every value of %(name)s is the same: there is nothing to forecast."),
    gettext_noop("Give as horizon a whole number of steps from 1 to %(most)s; one step is one %(step)s."),
    gettext_noop(
        "The values of the last %(passed)s steps say where the forecast begins, and are not learned from; its bounds are as wide "
        "as so many steps later. Train again on newer data."
    ),
    gettext_noop("It was measured %(horizon)s steps ahead; what lies further is a guess."),
    gettext_noop("Posted rows that lie before what the forecast goes by, and change nothing: %(count)s."),
    gettext_noop(
        "Steps of one %(step)s at the ends of series that do not hold all of their rows, and are left out: %(count)s."
    ),
    gettext_noop("%(count)s steps of one %(step)s have no row; they count as 0."),
    gettext_noop("Name at least one series, or leave it out."),
    gettext_noop('Name series as a list of texts, such as ["north", "south"].'),
    gettext_noop("No column holds %(what)s. Send it as a table, or add such a column."),
    gettext_noop("Taken for series, since the times of %(time)s follow one step. %(hint)s"),
    gettext_noop("Taken for a table, since the times of %(time)s do not follow one step. %(hint)s"),
    gettext_noop("Taken for a table, since several rows of one %(column)s have the same time in %(time)s. %(hint)s"),
    gettext_noop("Taken for a table, since %(column)s beside %(time)s holds no numbers. %(hint)s"),
    gettext_noop("Taken for a table, since %(count)s columns stand beside %(time)s. %(hint)s"),
    gettext_noop("If each row is a thing of its own, upload the file again as a table (kind tabular)."),
    gettext_noop("If it holds series, upload the file again as series (kind series)."),
    gettext_noop("times: dates, dates with times, or step numbers that rise"),
    gettext_noop("No row has both a time and a value, so there is nothing to learn from. Choose other columns."),
    gettext_noop("Row %(row)s: its time is that of row %(other)s. Send each step of a series once."),
    gettext_noop("Row %(row)s: the series %(name)s was not learned from, and this algorithm knows no other."),
    gettext_noop("Row %(row)s: %(time)s lies on no step of one %(step)s."),
    gettext_noop(
        "Row %(row)s: %(time)s lies on no step of one %(step)s. They are counted by the clocks of %(zone)s: write them as "
        "%(shown)s."
    ),
    gettext_noop("Row %(row)s: %(column)s must name the series that the row is of."),
    gettext_noop(
        "Several rows have the same %(time)s, and no column tells series apart. Choose their sum or mean when you train."
    ),
    gettext_noop(
        "Several rows have the same %(time)s, and no column tells series apart. Add a column that names the series of each row, "
        "or, where they are parts of one series, choose their sum or mean when you train."
    ),
    gettext_noop(
        "Several rows have the same %(time)s, and %(column)s seems to tell series apart. Name it as the column of the series when "
        "you train; their sum or mean is for rows that are parts of one series."
    ),
    gettext_noop("The column %(column)s holds dates; a %(task)s predicts a number. Choose a numeric column."),
    gettext_noop("The column %(column)s holds text; a %(task)s predicts a number. Choose %(instead)s."),
    gettext_noop("classification, or a numeric column"),
    gettext_noop("a numeric column"),
    gettext_noop("regression"),
    gettext_noop("forecast"),
    gettext_noop("The column %(column)s holds no numbers; a forecast predicts a number. Choose another."),
    gettext_noop("The column %(column)s holds no numbers; what helps a forecast is given as numbers. Leave it out."),
    gettext_noop(
        "The column %(column)s holds no times. Choose a column of dates, of dates with times, or of whole step numbers."
    ),
    gettext_noop("The column %(column)s holds the times; it cannot be something else too. Choose another."),
    gettext_noop("The column %(column)s holds true or false; a forecast predicts a number. Choose a numeric column."),
    gettext_noop(
        "The forecast needs %(names)s for the %(steps)s steps ahead; %(missing)s of them are not there, the first at "
        "%(time)s. Post a row for each, with null as %(target)s."
    ),
    gettext_noop(
        "The longest series has %(steps)s steps of one %(step)s; at least %(least)s are needed. Upload more of it, or "
        "choose a shorter step as the frequency."
    ),
    gettext_noop("The row of %(time)s lies more than %(most)s steps after the last value known. Leave it out."),
    gettext_noop("The series %(name)s is new, and no row of it holds a value of %(target)s."),
    gettext_noop(
        "The times are not regular: %(count)s of %(rows)s rows lie on no step of one %(step)s (%(shown)s). Mend them, "
        "or choose a frequency that rows are brought down to, and what becomes of several rows of one step."
    ),
    gettext_noop("The times are step numbers, which have no days or months. Leave the frequency to be found."),
    gettext_noop("There are too few steps to say how far forecasts may be off: they have no bounds."),
    gettext_noop("There are %(count)s series; at most %(most)s are learned at once. Split the data set."),
    gettext_noop("There is no series %(name)s."),
    gettext_noop("There is no series %(name)s. There are: %(names)s."),
    gettext_noop(
        "These are %(count)s forecasts; at most %(most)s are explained at once. Give a shorter horizon, or name some "
        "of the series."
    ),
    gettext_noop(
        "%(which)s goes from %(start)s to %(end)s and has a row for only %(share)s of its steps of one %(step)s. Look "
        "for times that are mistaken, or choose a longer step as the frequency."
    ),
    gettext_noop(
        "%(which)s goes from %(start)s to %(end)s: %(steps)s steps of one %(step)s, more than %(most)s. Look for "
        "times that are mistaken, or choose a longer step as the frequency."
    ),
    gettext_noop("Hours that stand there twice, on nights when clocks are put back: %(count)s. Their mean is taken."),
    gettext_noop("%(column)s is what is predicted; it cannot tell series apart. Choose another column."),
    gettext_noop(
        "%(count)s rows repeat the time of another row, the first in %(which)s at %(time)s. Name the column that "
        "tells series apart, or choose what becomes of repeated times: their sum, or their mean."
    ),
    gettext_noop("%(count)s rows were joined to others of the same step (%(how)s)."),
    gettext_noop("%(count)s rows without a time, a value or the name of their series were left out."),
    gettext_noop(
        "%(series)s series by %(steps)s steps are %(count)s forecasts; at most %(most)s are made at once. Name some "
        "of the series, or give a shorter horizon."
    ),
    gettext_noop("%(count)s series of fewer than %(steps)s steps are left out: %(names)s."),
    gettext_noop(
        "No series has %(steps)s steps with two known values before those that it is calibrated and measured on. "
        "Upload more of it, or give a shorter horizon."
    ),
    gettext_noop("%(count)s steps of one %(step)s have no value; they count as not known."),
    gettext_noop("Steps of one %(step)s are counted by the clocks of %(zone)s."),
    gettext_noop("seasonal naive (%(season)s)"),
    gettext_noop("mean size of each part of the forecast (%(what)s), beside the naive forecast's error"),
    gettext_noop("components of the model"),
    gettext_noop("The network adds nothing to the Theta forecast of these series: that is what it answers."),
    gettext_noop(
        "The series %(name)s is new, and the network reads %(rows)s rows of one: %(missing)s are missing. Post "
        "earlier rows too, or train again with it."
    ),
    gettext_noop("the Theta forecast and what the network adds to it"),
    gettext_noop("Give a list of 1 to %(most)s whole numbers."),
)
