"""Threads talk to the window without ever waiting for it."""

import threading

from emdiff_app.gui.jobs import Mailbox


def test_only_the_latest_value_of_a_topic_is_kept_and_each_is_given_once():
    mailbox = Mailbox()
    for number in range(5):
        mailbox.post("learning", number)
    mailbox.post("restoring", "x")
    mailbox.post("learning", 5)
    assert list(mailbox.collect().items()) == [("restoring", "x"), ("learning", 5)]
    assert mailbox.collect() == {}


def test_many_threads_lose_nothing_that_is_latest():
    mailbox = Mailbox()

    def body(name):
        for number in range(500):
            mailbox.post(name, number)

    threads = [threading.Thread(target=body, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    seen = {}
    while any(t.is_alive() for t in threads):
        seen |= mailbox.collect()
    seen |= mailbox.collect()
    assert seen == dict.fromkeys("abcd", 499)
