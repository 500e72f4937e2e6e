"""Who is calling: an API key in either header form, or a browser session."""
from rest_framework.authentication import BaseAuthentication as ApiKeyAuthentication
from rest_framework.authentication import SessionAuthentication
