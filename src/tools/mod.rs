//! Off the reading path: what is needed around the chat, and is not about it.

pub mod command_line;
pub mod dissect;
pub mod explain;
pub mod invitation;
pub mod lecture;
