"""Documents that customers bring first, from the folder that SPEC_CORPUS names: imported, finalized and published without a hand edit."""

from __future__ import annotations

from pathlib import Path

import pytest

from actions import finalize, importing
from integrations import services as integrations
from tests.cast import Cast
from tests.integrations.openapi.test_corpus import COMPLETE, FOLDER, REASON, entries


@pytest.mark.skipif(not FOLDER, reason=REASON)
@pytest.mark.parametrize("part", COMPLETE)
def test_corpus_document_is_published_without_a_hand_edit(cast: Cast, part: str) -> None:
    (entry,) = [entry for entry in entries() if part in entry["file"] and entry["operations"] != 203]  # two of Stripe's, this is the whole
    report = importing.import_document(
        data=(Path(FOLDER) / entry["file"]).read_bytes(), organization=cast.msp, user=cast.bob, source=entry["file"]
    )
    revision = finalize.finalize(integration=report.integration, user=cast.bob)
    report.integration.refresh_from_db()
    published = integrations.set_status(integration=report.integration, status="published")
    assert (published.status, revision.actions.count()) == ("published", entry["operations"])
