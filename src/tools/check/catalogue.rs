//! Every check. Its words are in `public/notes/checks.*.md`, which are a page for students as well.

use super::fault::Done;
use super::lab::Lab;
use super::{events, frames, http, polls};

/// A text in Ukrainian and in English.
pub type Both = [&'static str; 2];

const TEXTS: Both = [
    include_str!("../../../public/notes/checks.uk.md"),
    include_str!("../../../public/notes/checks.en.md"),
];

/// The lines about a check, as they begin in the texts and in the report of a failure.
pub const MUST: Both = ["має", "must"];
pub const OFTEN: Both = ["часто", "often"];
pub const READ: Both = ["читати", "read"];
pub const TRY: Both = ["руками", "try"];
pub const THEN: Both = ["далі", "then"];

pub struct Check {
    /// `4.4`; the first number is the stage.
    pub id: &'static str,
    /// Else it is advice: an RFC says "should", or the choice is ours.
    pub must: bool,
    /// The checks that it builds on; `--` is a server that we have started ourselves.
    pub needs: &'static str,
    pub run: fn(&Lab) -> Done,
}

impl Check {
    pub fn stage(&self) -> usize {
        usize::from(self.id.as_bytes()[0] - b'0')
    }

    pub fn needs(&self, other: &Check) -> bool {
        self.needs.split(' ').any(|id| id == other.id)
    }

    /// The specification, in a sentence.
    pub fn sentence(&self) -> Both {
        TEXTS.map(|text| after(text, "\n### ", self.id).lines().next().unwrap_or_default())
    }

    /// One of the lines about it; empty, if there is none.
    pub fn line(&self, label: Both) -> Both {
        [0, 1].map(|language| {
            let text = after(TEXTS[language], "\n### ", self.id);
            let text = text.split("\n#").next().unwrap_or_default();
            after(text, "\n- ", label[language]).lines().next().unwrap_or_default()
        })
    }
}

/// The name of a stage.
pub fn stage(number: usize) -> Both {
    let number = number.to_string();
    TEXTS.map(|text| after(text, "\n## ", &number).lines().next().unwrap_or_default())
}

/// The part of the lecture in which the addresses of a stage are built: a server that has nothing there
/// is not wrong, it is not finished. In stage 3 there are no new ones, and 404 is a mistake.
pub const BUILT_IN_PART: [Option<usize>; 9] =
    [None, Some(1), Some(1), None, Some(3), Some(4), Some(4), Some(4), Some(5)];

/// What stands behind a heading with this number, or behind `- must: `.
fn after(text: &'static str, sign: &str, name: &str) -> &'static str {
    let found = text.split_once(&format!("{sign}{name} "));
    let found = found.or_else(|| text.split_once(&format!("{sign}{name}: ")));
    found.map_or("", |(_, rest)| rest)
}

/// The stages of each part of the lecture; the fifth is homework.
pub const STAGES_OF_PARTS: [&[usize]; 5] =
    [&[0, 1, 2], &[0, 1, 2, 3], &[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4, 5, 6, 7], &[0, 1, 2, 3, 8]];

const fn must(id: &'static str, needs: &'static str, run: fn(&Lab) -> Done) -> Check {
    Check { id, must: true, needs, run }
}

const fn should(id: &'static str, needs: &'static str, run: fn(&Lab) -> Done) -> Check {
    Check { id, must: false, needs, run }
}

/// In the order in which they are told.
pub const CHECKS: &[Check] = &[
    must("0.1", "", http::listens),
    must("0.2", "0.1 1.1", http::silent_client),
    must("1.1", "0.1", http::page),
    must("1.2", "1.1", http::bytes_are_counted),
    must("1.3", "1.1", http::several_requests),
    should("1.4", "1.3", http::two_in_one_write),
    must("1.5", "1.1", http::byte_by_byte),
    must("1.6", "1.1", http::unknown_path),
    should("1.7", "1.1", http::no_host),
    must("1.8", "1.1", http::close_is_honoured),
    should("1.9", "1.3", http::head),
    should("1.10", "1.3", http::in_one_piece),
    must("2.1", "1.1", http::next_id),
    must("2.2", "2.1", http::is_remembered),
    must("2.3", "2.2", http::body_comes_later),
    must("2.4", "2.2", http::text_comes_back),
    must("2.5", "2.1", http::markup_is_text),
    must("2.6", "2.1", http::form_leads_back),
    must("2.7", "2.2", http::broken_json),
    must("2.8", "2.1", http::announced_gigabyte),
    must("2.9", "2.2", http::twenty_writers),
    should("2.10", "2.8", http::refusal_can_be_read),
    must("3.1", "2.2", polls::newer_only),
    must("3.2", "3.1", polls::no_news),
    must("3.3", "2.2", polls::no_store),
    must("3.4", "3.1", polls::after_a_restart),
    should("3.5", "3.1", polls::no_number),
    must("4.1", "2.1", polls::news_at_once),
    must("4.2", "4.1", polls::waits),
    must("4.3", "0.2 4.2", polls::released),
    must("4.4", "4.3", polls::all_released),
    must("4.5", "4.4", polls::between_polls),
    must("4.6", "4.2", polls::ends_with_204),
    must("4.7", "0.2 4.2", polls::others_are_served),
    must("4.8", "4.3", polls::leaver_takes_nothing),
    should("4.9", "4.2", polls::leaver_is_noticed),
    must("5.1", "1.1", frames::accept_key),
    must("5.2", "5.1", frames::case_and_lists),
    should("5.3", "5.1", frames::another_version),
    should("5.4", "5.1", frames::early_frame),
    must("5.5", "5.1", frames::foreign_origin),
    must("6.1", "5.1", frames::lengths),
    must("6.2", "5.1", frames::unmasks),
    must("6.3", "5.1", frames::unmasked_frame),
    must("6.4", "5.1", frames::ping_between_fragments),
    should("6.5", "5.1", frames::not_utf8),
    must("6.6", "5.1", frames::close),
    must("7.1", "0.2 2.1 5.1", frames::everybody),
    must("7.2", "7.1", frames::comes_back),
    must("7.3", "7.1", frames::stalled_reader),
    should("7.4", "7.1", frames::enormous_frame),
    should("7.5", "1.1 --", frames::after_a_kill),
    must("7.6", "7.3", frames::slow_readers_ping),
    must("8.1", "2.1", events::goes_on),
    must("8.2", "0.2 8.1", events::everybody),
    must("8.3", "8.2", events::lines),
    must("8.4", "8.2", events::comes_back),
    should("8.5", "8.1", events::comments),
    should("8.6", "8.1", events::jitter),
];
