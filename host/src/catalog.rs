//! Not written yet: see ARCHITECTURE.md.
