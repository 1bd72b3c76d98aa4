"""All mutants."""

from tests.mutants.client import CLIENT
from tests.mutants.core import CORE
from tests.mutants.daemon import DAEMON
from tests.mutants.exec import EXEC
from tests.mutants.git import GIT
from tests.mutants.readers import READERS
from tests.mutants.store import STORE

MUTANTS = [*CORE, *STORE, *DAEMON, *CLIENT, *EXEC, *GIT, *READERS]
