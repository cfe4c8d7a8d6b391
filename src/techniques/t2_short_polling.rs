//! §2 Short polling: the page asks three seconds after each answer, news or not.
//!
//! The server is part 1's to the letter, so its code is not here again: what is new is in the page
//! (`public/2.html`). The price is in the server's log: most answers are `[]`.

pub use super::t1_refresh::handler;
