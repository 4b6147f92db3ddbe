import asyncio
import signal

from hypothesis import settings

# Before Python 3.14, asking for "the" loop makes one that nobody closes. pytest-asyncio asks before every
# test, and the unclosed loop fails whichever test the garbage collector runs in. So: there is none.
asyncio.set_event_loop(None)

# The same examples in every run, and no verdict on how fast a busy machine is.
settings.register_profile("marskit", deadline=None, derandomize=True)
settings.load_profile("marskit")

# Under `nohup`, or a CI that ignores hang-ups, the programs that tests start would inherit that and not end.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
