//! Who runs the site: so far the keys of programs.

pub mod api_keys;
