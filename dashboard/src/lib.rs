//! The web dashboard: server-side HTML, live by server-sent events.
