"""`python -m tests.hostile.web DATABASE PORT`: the web server of a test, as a process of its own whose memory can be measured."""

import os
import sys

import uvicorn

from tests.hostile.dying import NOWHERE


def main() -> None:
    """Serve until killed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings.test")
    os.environ |= {"UPLOAD_WAIT_SECONDS": "0", "REDIS_URL": NOWHERE}
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = sys.argv[1]
    from mlplatform.asgi import application

    uvicorn.run(application, port=int(sys.argv[2]), log_level="warning", lifespan="off")


if __name__ == "__main__":
    main()
