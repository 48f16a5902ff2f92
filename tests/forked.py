"""Processes that are forked from one that has imported things and computed nothing: they start in milliseconds."""

import multiprocessing
from multiprocessing import forkserver

_imported = ()


def forking(*modules):
    """A context whose processes begin with these modules. There is one such server; another one's imports end it."""
    global _imported
    context = multiprocessing.get_context("forkserver")
    if modules != _imported:
        forkserver._forkserver._stop()
        context.set_forkserver_preload(list(modules))
        _imported = modules
    return context
