"""Step 5: a prior is looked at before it is used, and named before it is given away."""

import pytest
from qtpy.QtWidgets import QLabel

from emdiff_app.gui.dialogs.export import ExportDialog
from emdiff_app.gui.dialogs.import_ import ImportDialog
from emdiff_app.gui.prior_card import read_prior_file
from emdiff_app.priors import export_prior, read_card
from emdiff_app.resources import resource_path

GOLDEN = "golden/v1-emdiff-unet-1-plane.emprior"


@pytest.fixture
def prior(tmp_path):
    return export_prior(
        resource_path(GOLDEN), tmp_path / "theirs.emprior", name="<b>Mitochondria</b>", licence="CC0-1.0"
    )


def test_a_prior_is_used_only_after_its_card_was_seen_and_accepted(dock, session, host, click, qtbot, prior):
    host.answers = [[prior], [prior]]
    click(dock.steps.share.take)
    qtbot.waitUntil(lambda: bool(dock.findChildren(ImportDialog)), timeout=60000)
    (dialog,) = dock.findChildren(ImportDialog)
    said = {label.accessibleName(): label for label in dialog.findChildren(QLabel)}
    assert said["Name"].text() == "<b>Mitochondria</b>"
    assert said["Licence"].text() == "CC0-1.0"
    assert session.prior is None
    dialog.reject()
    assert session.prior is None
    click(dock.steps.share.take)
    qtbot.waitUntil(lambda: any(d.isVisible() for d in dock.findChildren(ImportDialog)), timeout=60000)
    next(d for d in dock.findChildren(ImportDialog) if d.isVisible()).accept()
    assert session.prior == prior


def test_a_stranger_cannot_format_the_words_of_the_card(qtbot, prior):
    dialog = ImportDialog(read_prior_file(prior))
    qtbot.addWidget(dialog)
    named = {label.accessibleName(): label for label in dialog.findChildren(QLabel)}
    assert named["Name"].textFormat().name == "PlainText"


def test_a_damaged_prior_is_refused_and_the_old_one_stays(dock, session, host, click, qtbot, prior):
    session.prior = prior
    broken = prior.with_name("broken.emprior")
    broken.write_bytes(prior.read_bytes()[:2000])
    session.open_files([broken])
    qtbot.waitUntil(lambda: session.message is not None, timeout=60000)
    assert session.message.level == "error"
    assert "broken.emprior" in session.message.text
    assert session.prior == prior
    assert session.offered is None


def test_name_and_licence_of_the_card_are_asked_for(dock, session, host, click, qtbot, prior, tmp_path):
    session.prior = prior
    host.answers = [tmp_path / "ours"]
    click(dock.steps.share.give)
    qtbot.waitUntil(lambda: bool(dock.findChildren(ExportDialog)), timeout=60000)
    (dialog,) = dock.findChildren(ExportDialog)
    assert dialog.name.text() == "<b>Mitochondria</b>"
    dialog.name.setText("Actin")
    dialog.licence.setCurrentText("CC-BY-4.0")
    dialog.accept()
    made = tmp_path / "ours.emprior"
    qtbot.waitUntil(made.exists, timeout=60000)
    card = read_card(made)
    assert (card.name, card.licence) == ("Actin", "CC-BY-4.0")


def test_a_prior_is_not_replaced_by_a_name_without_its_ending(
    dock, session, host, click, qtbot, prior, tmp_path
):
    """The dialog asked about `ours`, which is not there, and never about `ours.emprior`."""
    session.prior = prior
    there = tmp_path / "ours.emprior"
    there.write_bytes(b"weeks of work")
    host.answers = [there, tmp_path / "ours"]
    click(dock.steps.share.give)
    qtbot.waitUntil(lambda: bool(dock.findChildren(ExportDialog)), timeout=60000)
    dock.findChildren(ExportDialog)[0].accept()
    assert there.read_bytes() == b"weeks of work"
    assert session.message.level == "warning"
    assert "ours.emprior is there already and was left as it is" in session.message.text
    dock.findChildren(ExportDialog)[0].accepted.emit()  # the name in full: the dialog has asked
    qtbot.waitUntil(lambda: "Exported the prior" in session.message.text, timeout=60000)
    assert read_card(there).name == "<b>Mitochondria</b>"


def test_nothing_is_written_when_the_export_is_cancelled(dock, session, click, qtbot, prior):
    session.prior = prior
    before = set(prior.parent.iterdir())
    click(dock.steps.share.give)
    qtbot.waitUntil(lambda: bool(dock.findChildren(ExportDialog)), timeout=60000)
    dock.findChildren(ExportDialog)[0].reject()
    assert set(prior.parent.iterdir()) == before
