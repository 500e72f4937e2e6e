"""What the apps below say of searches for better settings; as `sentences` does of the rest."""

from django.utils.translation import gettext_noop

OF_SEARCHES = (
    gettext_noop("%(title)s has no answers to judge settings by, so there is nothing to search for. Leave the search out."),
    gettext_noop("A training may take %(limit)s seconds here. Give the search less than that."),
    gettext_noop("The model has no search of this id."),
    gettext_noop(
        "A search takes %(least)s seconds at least: its processes are started and its version is made within that time. "
        "Allow more, or train without a search."
    ),
    gettext_noop("The training was given %(seconds)s seconds and took %(took)s: the machine was busy. Allow more time."),
    gettext_noop("That search is %(status)s: it goes on by itself."),
    gettext_noop("It searched on other rows: give the same data set version and the same seed, or start a new search."),
    gettext_noop("The model asks something else since: start a new search."),
    gettext_noop("No trial of these algorithms came to its end, so they were not compared: %(names)s. Allow more time."),
    gettext_noop("None of its trials has the parameters that are asked for now: start a new search."),
    gettext_noop(
        "The rows that settings could be compared on are of one class until the last: train without a search, or upload more."
    ),
    gettext_noop("Of that search %(count)s trials are taken over, and they count. Give a larger number, or none."),
    gettext_noop(
        "Settings were compared on %(had)s folds in place of %(wanted)s, since %(why)s: small differences of their scores are chance."
    ),
    gettext_noop("there are too few groups of %(column)s"),
    gettext_noop("the earliest rows are too few, or lack a class"),
    gettext_noop("a class has too few rows"),
    gettext_noop("The process of this trial died."),
    gettext_noop("All rows to learn from belong to one group, so settings cannot be compared on others."),
    gettext_noop("No trial came to its end within %(seconds)s seconds: the defaults were trained. Allow more time."),
    gettext_noop(
        "No trial came to its end within %(seconds)s seconds: trained was the one that was best on its first folds. "
        "Allow more time."
    ),
    gettext_noop("Trial %(number)s scored better, but its version could not be made in the time left. Allow more time."),
)
