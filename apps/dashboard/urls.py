"""Addresses of the pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from apps.dashboard.pages import (
    account,
    archiving,
    batches,
    campaigns,
    cards,
    datasets,
    editing,
    home,
    keys,
    members,
    models,
    retraining,
    sign_in,
    versions,
    watching,
)

app_name = "dashboard"

urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in/", sign_in.SignIn.as_view(), name="sign_in"),
    path("sign-out/", LogoutView.as_view(next_page="dashboard:sign_in"), name="sign_out"),
    path("account/", account.account, name="account"),
    path("datasets/", datasets.dataset_list, name="datasets"),
    path("datasets/upload/", datasets.upload, name="upload"),
    path("datasets/<uuid:pk>/", datasets.dataset_detail, name="dataset"),
    path("datasets/<uuid:pk>/upload/", datasets.new_version, name="new_version"),
    path("datasets/<uuid:pk>/archive/", archiving.archive_dataset, name="archive_dataset"),
    path("datasets/<uuid:pk>/discard/", archiving.discard_upload, name="discard_upload"),
    path("models/", models.model_list, name="models"),
    path("models/new/", editing.new_model, name="new_model"),
    path("models/<uuid:pk>/", models.model_detail, name="model"),
    path("models/<uuid:pk>/edit/", editing.edit_model, name="edit_model"),
    path("models/<uuid:pk>/archive/", archiving.archive_model, name="archive_model"),
    path("models/<uuid:pk>/try/", models.try_model, name="try_model"),
    path("models/<uuid:pk>/watch/", watching.watch, name="watch"),
    path("models/<uuid:pk>/verdict/", watching.verdict, name="verdict"),
    path("models/<uuid:pk>/train/", retraining.train, name="train"),
    path("models/<uuid:pk>/rollback/", models.rollback, name="rollback"),
    path("models/<uuid:pk>/versions/<int:number>/promote/", models.promote, name="promote"),
    path("models/<uuid:pk>/batches/", batches.batches, name="batches"),
    path("models/<uuid:pk>/batches/list/", batches.batch_list, name="batch_list"),
    path("models/<uuid:pk>/compare/", versions.compare_versions, name="compare"),
    path("models/<uuid:pk>/versions/<int:number>/", versions.version_detail, name="version"),
    path("models/<uuid:pk>/versions/<int:number>/card/", cards.version_card, name="version_card"),
    path("campaigns/", campaigns.campaign_list, name="campaigns"),
    path("campaigns/<uuid:pk>/", campaigns.campaign_detail, name="campaign"),
    path("campaigns/<uuid:pk>/cancel/", campaigns.cancel, name="cancel_campaign"),
    path("campaigns/<uuid:pk>/continue/", campaigns.continue_search, name="continue_search"),
    path("settings/", keys.settings_page, name="settings"),
    path("settings/members/", members.member_list, name="members"),
    path("settings/members/add/", members.add, name="add_member"),
    path("settings/members/<int:pk>/role/", members.set_role, name="member_role"),
    path("settings/members/<int:pk>/remove/", members.remove, name="remove_member"),
    path("settings/keys/<uuid:pk>/revoke/", keys.revoke, name="revoke_key"),
]
