"""Privacy in the admin: to look at."""

from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.privacy.models import RetentionPolicy, SubjectRequest


@admin.register(SubjectRequest)
class SubjectRequestAdmin(ReadOnlyAdmin):
    """Counts, exports and erasures; the subject by its pseudonym."""

    list_display = ["created_at", "workspace", "kind", "subject", "status", "finished_at"]
    list_filter = ["kind", "status", "workspace"]
    list_select_related = ["workspace"]
    show_full_result_count = False


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(ReadOnlyAdmin):
    """For how long a workspace keeps things."""

    list_display = ["workspace", "prediction_days", "feedback_days", "sample_days"]
    list_select_related = ["workspace"]
