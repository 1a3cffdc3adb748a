//! kubectl rollouts: watch, promote, abort and roll back from the terminal.
