"""Start a thread at import, as some libraries do."""

import threading
import time

threading.Thread(target=time.sleep, args=(3600,), name="sneaky", daemon=True).start()
