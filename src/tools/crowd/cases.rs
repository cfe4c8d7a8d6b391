//! The settings in which `measure` compares the techniques: in each of them something else counts.

use super::Errand;
use std::time::Duration;

/// A setting in which the techniques are compared.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: &'static str,
    pub users: usize,
    /// Rooms of other sizes are tried, too.
    pub others: bool,
    /// Messages, or visits, a second. 0: only silence is measured.
    pub rate: f64,
    pub errand: Errand,
    /// T of part 2, and how often somebody presses F5 in part 1.
    pub pause: Duration,
    pub by_hand: Duration,
    pub rtt: Duration,
    pub length: Duration,
    pub rounds: usize,
    /// How many silent readers are watched, and how long.
    pub silent_users: usize,
    pub silence: Duration,
    /// What it teaches, in Ukrainian and in English.
    pub lesson: [&'static str; 2],
}

/// What a visitor reads.
const VISIT: Errand = Errand::Visit { since: 1, count: 50 };

const LECTURE: Case = Case {
    name: "lecture",
    users: 30,
    others: true,
    rate: 2.0,
    errand: Errand::Say,
    pause: Duration::from_secs(3),
    by_hand: Duration::from_secs(5),
    rtt: Duration::from_millis(50),
    length: Duration::from_secs(7),
    rounds: 2,
    silent_users: 1,
    silence: Duration::from_secs(62),
    lesson: [
        "Довге опитування швидке, але питає частіше за коротке, і то в кілька разів: кожне повідомлення — це новий запит кожного читача.",
        "Long polling is fast, but it asks several times as often as short polling: each message costs each reader one more request.",
    ],
};

/// The others are measured once, and without silence.
const ONCE: Case =
    Case { rounds: 1, length: Duration::from_secs(10), silence: Duration::ZERO, ..LECTURE };

/// Every case, the usual one first.
pub static CASES: [Case; 6] = [
    LECTURE,
    Case {
        name: "night",
        rate: 0.0,
        pause: Duration::from_secs(60),
        by_hand: Duration::from_secs(60),
        silence: Duration::from_secs(125),
        lesson: [
            "Уночі частіше питає той, хто чекає: довге опитування — двічі на хвилину, коротке з паузою в хвилину — раз.",
            "At night the one that waits asks more: long polling twice a minute, short polling with a pause of a minute once.",
        ],
        ..LECTURE
    },
    Case {
        name: "far",
        users: 10,
        rate: 100.0,
        by_hand: Duration::from_secs(1),
        rtt: Duration::from_millis(200),
        lesson: [
            "Довге опитування не може питати частіше, ніж раз за шлях туди й назад, тобто п’ять разів за секунду. Тому його повідомлення вдвічі старші, ніж у WebSocket.",
            "Long polling cannot ask more often than once per round trip: five times a second. So its messages are twice as old as those of WebSocket.",
        ],
        ..ONCE
    },
    Case {
        name: "visitors",
        users: 1000,
        rate: 20.0,
        errand: VISIT,
        by_hand: Duration::from_secs(3600),
        lesson: [
            "Тут WebSocket програє: про кожного, хто зайшов і вийшов, дізнається кожен із тисячі. За опитування про це не дізнається ніхто.",
            "Here WebSocket loses: each of a thousand is told of everybody who comes and goes. Polling tells nobody anything.",
        ],
        ..ONCE
    },
    Case {
        name: "digest",
        users: 200,
        rate: 100.0,
        by_hand: Duration::from_secs(1),
        rtt: Duration::ZERO,
        lesson: [
            "Коли ніхто не поспішає, три секунди новин в одній відповіді дешевші, ніж триста кадрів: гляньте на час процесора.",
            "For people in no hurry, three seconds of news in one answer are cheaper than three hundred frames: look at the processor time.",
        ],
        ..ONCE
    },
    Case {
        name: "idle",
        users: 0,
        rate: 0.0,
        pause: Duration::from_secs(120),
        by_hand: Duration::from_secs(3600),
        rtt: Duration::ZERO,
        silent_users: 2000,
        silence: Duration::from_secs(64),
        lesson: [
            "Хто питає раз на дві хвилини, того на сервері половину часу немає: з’єднання, що мовчить хвилину, сервер закриває. WebSocket і довге опитування тримають по потоку й з’єднанню на кожного, навіть коли всі мовчать.",
            "Whoever asks once in two minutes is not on the server for half of the time: it closes a connection that is silent for a minute. WebSocket and long polling hold a thread and a connection for each, even when all are silent.",
        ],
        ..ONCE
    },
];
