"""Feedback in the admin: to look at."""

from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.feedback.models import Feedback, FeedbackSample, LabelFile, SupersededLabel


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    """Verdicts and labels."""

    list_display = ["given_at", "model", "version", "correct", "label", "giver", "source"]
    list_filter = ["correct", "source", "model__workspace"]
    date_hierarchy = "given_at"
    list_select_related = ["model", "version", "version__model"]
    show_full_result_count = False


@admin.register(FeedbackSample)
class FeedbackSampleAdmin(ReadOnlyAdmin):
    """Samples that somebody agreed to."""

    list_display = ["consented_at", "model", "version", "media_type", "size_bytes", "expires_at"]
    list_filter = ["media_type", "model__workspace"]
    list_select_related = ["model", "version", "version__model"]
    show_full_result_count = False


@admin.register(LabelFile)
class LabelFileAdmin(ReadOnlyAdmin):
    """Files of late labels."""

    list_display = ["created_at", "model", "status", "rows", "created", "replaced"]
    list_filter = ["status", "model__workspace"]
    list_select_related = ["model"]
    show_full_result_count = False


@admin.register(SupersededLabel)
class SupersededLabelAdmin(ReadOnlyAdmin):
    """What was said before."""

    list_display = ["known_at", "feedback", "correct", "label", "source"]
    list_select_related = ["feedback", "feedback__model"]
    show_full_result_count = False
