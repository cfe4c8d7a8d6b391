//! The model against a simulation with a clock of its own, and `rawchat measure`.

use super::common::{AGES, Server, calm, cyrillic, eventually, patient, rawchat, serve};
use super::crowd::{self, outcome};
use rawchat::handler::{Handler, Places, Reply};
use rawchat::techniques::Timing;
use rawchat::tools::Problem;
use rawchat::tools::crowd::browser::FETCH;
use rawchat::tools::crowd::cases::{CASES, Case};
use rawchat::tools::crowd::measure::{Measured, Report, Round, Silence, hour};
use rawchat::tools::crowd::model::Model;
use rawchat::tools::crowd::process::Usage;
use rawchat::tools::crowd::report::{bytes, number, quantile, time};
use rawchat::tools::crowd::table::table;
use rawchat::tools::crowd::timetable::Timetable;
use rawchat::tools::crowd::{Errand, Moment, Outcome, Plan, Technique, run};
use rawchat::tools::dissect::Language;
use rawchat::tools::dissect::block::{COLUMNS, Style};
use rawchat::wire::frame::{self, Opcode};
use rawchat::wire::handshake;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;

// ---- The model

/// What one reader meets in a long time.
#[derive(Default)]
struct Simulated {
    seconds: f64,
    requests: f64,
    empty: f64,
    /// In seconds, sorted.
    ages: Vec<f64>,
}

impl Simulated {
    fn age(&self, part: f64) -> f64 {
        self.ages[(part * (self.ages.len() - 1) as f64) as usize]
    }
}

/// A question arrives at the server at `at`; the answer leaves at once, or, if the server holds it,
/// when there is news or the hold is over. The next question arrives `between` later.
fn simulate(model: &Model) -> Simulated {
    let table = Timetable::poisson(1, model.rate, Duration::from_secs(200_000), 7);
    let messages: Vec<f64> = (0..table.count()).map(|n| table.due(n).as_secs_f64()).collect();
    let (way, hold) = (model.rtt.as_secs_f64() / 2.0, model.hold.as_secs_f64());
    let pause = model.pause.as_secs_f64();
    let holds = model.technique == Technique::LongPolling;
    let between = 2.0 * way + if holds { 0.0 } else { pause };
    let (mut now, mut simulated, mut next) = (0.0, Simulated::default(), 0);
    while now < *messages.last().unwrap() {
        let mut answered = now;
        if holds && messages.get(next).is_none_or(|message| *message > now) {
            answered = messages.get(next).map_or(now + hold, |message| message.min(now + hold));
        }
        let before = next;
        while messages.get(next).is_some_and(|message| *message <= answered) {
            simulated.ages.push(answered - messages[next] + way);
            next += 1;
        }
        simulated.requests += 1.0;
        simulated.empty += f64::from(u8::from(next == before));
        now = answered + between;
    }
    simulated.ages.sort_by(f64::total_cmp);
    simulated.seconds = now;
    simulated
}

#[test]
fn the_model_is_what_a_simulation_finds() {
    let model = |technique, rate, pause, rtt| Model {
        technique,
        rate,
        pause: MS(pause),
        hold: Duration::from_secs(30),
        rtt: MS(rtt),
    };
    for model in [
        model(Technique::Refresh, 0.3, 5_000, 50),
        model(Technique::ShortPolling, 2.0, 3_000, 50),
        model(Technique::ShortPolling, 0.1, 3_000, 1),
        model(Technique::LongPolling, 0.02, 3_000, 50),
        model(Technique::LongPolling, 0.1, 3_000, 50),
        model(Technique::LongPolling, 2.0, 3_000, 50),
        model(Technique::LongPolling, 5.0, 3_000, 200),
    ] {
        let found = simulate(&model);
        let near = |a: f64, b: f64| (a - b).abs() <= 0.02 * b + 0.001;
        assert!(near(found.requests / found.seconds, model.requests_per_s()), "{model:?}");
        let per_message = found.requests / found.ages.len() as f64;
        assert!(near(per_message / model.requests_per_message(), 1.0), "{model:?}: {per_message}");
        let empty = found.empty / found.requests;
        // Of the answers of a long poll, the model counts those without news in a whole hold.
        assert!((empty - model.empty()).abs() < 0.01, "{model:?}: {empty}, {}", model.empty());
        for part in [0.1, 0.5, 0.95] {
            let (found, said) = (found.age(part), model.age(part).as_secs_f64());
            let oldest = model.age(1.0).as_secs_f64();
            assert!((found - said).abs() < 0.02 * oldest, "{model:?} {part}: {found}, {said}");
        }
    }
}

#[test]
fn the_model_has_a_ceiling_a_floor_and_a_crossing() {
    let model = |technique, rate, rtt_ms| {
        let (pause, hold, rtt) = (MS(3000), MS(30_000), MS(rtt_ms));
        Model { technique, rate, pause, hold, rtt }
    };
    // By hand, with three seconds' pause and 50 ms there and back.
    for (rate, requests) in [(0.1, 0.105), (2.0, 1.99), (20.0, 14.6), (100.0, 19.97)] {
        let said = model(Technique::LongPolling, rate, 50).requests_per_s();
        assert!((said / requests - 1.0).abs() < 0.01, "{rate}: {said}");
    }
    assert!(model(Technique::LongPolling, 1e6, 50).requests_per_s() <= 20.0, "1 / RTT");
    let silent = model(Technique::LongPolling, 0.0, 50).requests_per_s();
    assert!((silent - 1.0 / 30.05).abs() < 1e-9, "{silent}");
    // Below so many messages a second, long polling asks less often than short polling.
    for (rtt, crossing) in [(1, 0.333), (50, 0.328), (200, 0.313)] {
        let asks_more = |rate| {
            let [long, short] = [Technique::LongPolling, Technique::ShortPolling]
                .map(|technique| model(technique, rate, rtt).requests_per_s());
            long > short
        };
        assert!(asks_more(crossing + 0.005) && !asks_more(crossing - 0.005), "{rtt} ms");
    }
    let socket = model(Technique::WebSocket, 2.0, 50);
    assert_eq!((socket.requests_per_s(), socket.age(0.99)), (0.0, MS(25)));
}

// ---- Silence, and visits

/// One reader, and nobody speaks.
fn plan(technique: Technique, address: SocketAddr) -> Plan {
    let plan = crowd::plan(technique, address);
    Plan { users: 1, rate: 0.0, length: MS(1500), pause: MS(200), ..plan }
}

/// What the reader does in an hour: requests, and bytes. On a busy machine one run is too short to see
/// two exchanges.
fn silent_hour(plan: &Plan, all_in: impl Fn()) -> (f64, f64, Outcome) {
    let (mut found, mut outcome) = (None, Outcome::default());
    eventually("two exchanges", || {
        let tell = |moment| {
            if moment == Moment::AllIn {
                all_in()
            }
        };
        outcome = run(plan.clone(), tell).unwrap();
        found = hour(&outcome);
        found.is_some()
    });
    let (requests, bytes) = found.unwrap();
    (requests, bytes, outcome)
}

#[test]
fn a_silent_readers_hour_is_made_of_whole_exchanges() {
    let server = Server::with(3, patient(), Timing { hold: MS(200), ..calm() });
    let (requests, bytes, outcome) =
        silent_hour(&plan(Technique::LongPolling, server.address), || ());
    // At most one in each period, however slow this machine is.
    assert!(requests <= 3600.0 / 0.199, "{requests}");
    let host = server.address.to_string();
    let fields = FETCH.replace("HOST", &host);
    let request = "GET /subscribe?lastId=1 HTTP/1.1\r\nHost: \r\n\r\n".len() + host.len();
    let answer = server.get("/subscribe?lastId=1").head.len();
    assert_eq!((bytes / requests).round() as usize, request + fields.len() + answer);
    assert_eq!(outcome.traffic.empty, outcome.traffic.requests);
}

/// A part 4 that sends a ping, waits for the pong, and sends a heartbeat, again and again, once `begin`
/// says so.
fn pings_and_heartbeats(begin: mpsc::Receiver<()>) -> SocketAddr {
    let begin = Arc::new(Mutex::new(begin));
    let handler: Arc<Handler> = Arc::new(move |request, _| {
        if !handshake::wanted(request) {
            return Err(rawchat::wire::http::Response::json(404, "{}"));
        }
        let begin = begin.clone();
        let talk = move |socket: Arc<TcpStream>, _| {
            let mut socket = &*socket;
            begin.lock().unwrap().recv().unwrap();
            let mut heartbeat = Vec::new();
            frame::encode(&mut heartbeat, Opcode::Text, br#"{"type":"heartbeat"}"#, None);
            // Until the reader has gone.
            while socket.write_all(b"\x89\x00").is_ok() && socket.read_exact(&mut [0; 6]).is_ok() {
                let _ = socket.write_all(&heartbeat);
            }
        };
        Ok(Reply::Upgrade(handshake::answer(request)?, Box::new(talk)))
    });
    serve(patient(), Places::default(), handler)
}

#[test]
fn pings_and_pongs_belong_to_the_silent_hour_of_a_web_socket() {
    // Before that, the crowd waits until it is quiet.
    let (all_in, begin) = mpsc::channel();
    let server = pings_and_heartbeats(begin);
    let plan = Plan { length: MS(200), ..plan(Technique::WebSocket, server) };
    let (heartbeats, bytes, outcome) = silent_hour(&plan, || all_in.send(()).unwrap());
    let count = outcome.exchanges.len() - 1;
    let whole = (bytes / heartbeats * count as f64).round() as usize;
    // RFC 6455 §5.2: 2 bytes of ping, 6 of its masked pong, 2 and the payload of a text frame. A ping
    // may have come in one read with the heartbeat before.
    let each = 2 + 6 + 2 + r#"{"type":"heartbeat"}"#.len();
    assert!(whole.abs_diff(count * each) <= 2, "{whole} B for {count} of {each}");
}

#[test]
fn everybody_is_told_of_a_visit_in_part_4_and_nobody_in_part_2() {
    let told = |part, technique| {
        let server = Server::start(part);
        server.post("Alice", "one");
        server.post("Alice", "two");
        let errand = Errand::Visit { since: 1, count: 2 };
        // Nobody asks in this time.
        let plan =
            Plan { errand, users: 3, rate: 20.0, pause: AGES, ..plan(technique, server.address) };
        // Visits that came too late, on a busy machine, say nothing of the server.
        let mut outcome = Outcome::default();
        eventually("visits come in time", || {
            outcome = self::outcome(plan.clone());
            outcome.not_offered.is_none()
        });
        assert_eq!(outcome.first_error, None);
        assert!(outcome.visits > 5 && outcome.visits == outcome.visitors.connections);
        assert!(outcome.visitors.down > outcome.visits * 100, "{:?}", outcome.visitors);
        (outcome.traffic.down, outcome.visits)
    };
    assert_eq!(told(2, Technique::ShortPolling).0, 0);
    // It came, and of the first ones it has surely been told that they went.
    let least =
        r#"{"type":"user_joined","username":"visitor-0","connectedClients":4}"#.len() as u64;
    // What comes when the time of a run is over is not counted.
    eventually("they are told in time", || {
        let (frames, visits) = told(4, Technique::WebSocket);
        frames > 3 * (visits - 1) * least
    });
}

// ---- The command

fn measure(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = rawchat(&[&["measure"], arguments].concat()).env("LANG", "C").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const SMALL: [&str; 7] = [
    "--users=3",
    "--rate=30",
    "--pause=300ms",
    "--rtt=20ms",
    "--seconds=1",
    "--rounds=1",
    "--silence=2",
];

#[test]
#[ignore = "takes a while: make grading"]
fn the_four_techniques_are_measured_and_their_ages_are_in_the_order_of_the_lecture() {
    let (code, stdout, stderr) = measure(&[&SMALL[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
    assert_eq!(code, Some(0), "{stderr}");
    let techniques = report["techniques"].as_array().unwrap();
    assert_eq!(techniques.len(), 4);
    let outcome = |part: usize| &techniques[part - 1]["rounds"][0]["outcome"];
    // A busy machine makes messages older, and none younger.
    let ages = |part: usize| &outcome(part)["agesUs"];
    let youngest = |part: usize| ages(part)["steps"][0][0].as_u64().unwrap();
    for part in [1, 2] {
        let oldest = ages(part)["max"].as_u64().unwrap();
        assert!(oldest > 150_000, "{oldest}: some wait most of a pause");
        assert!(youngest(3).max(youngest(4)) < oldest, "{} {} {oldest}", youngest(3), youngest(4));
    }
    assert!(youngest(4) >= 9_800, "half of the way: {}", youngest(4));
    for part in 1..=4 {
        let of = |name: &str| outcome(part)[name].as_u64().unwrap();
        assert_eq!((of("lost"), of("doubled"), of("disordered")), (0, 0, 0), "part {part}");
        assert_eq!(of("delivered"), 3 * of("messages"), "part {part}");
        assert_eq!(of("requests") > 0, part < 4, "part {part}");
        let held = &techniques[part - 1]["rounds"][0]["held"];
        if cfg!(target_os = "linux") {
            let held = ["connections", "threads"].map(|name| held[name].as_f64().unwrap().round());
            assert_eq!(held, [1.0, 1.0], "part {part} holds one of each for each reader");
        }
    }
    assert!(techniques[1]["silence"]["requestsPerHour"].as_f64().unwrap() > 0.0);
    assert!(report["machine"].as_str().unwrap().contains("rawchat"));
}

#[test]
fn a_case_has_a_name_and_what_else_is_said_changes_it() {
    let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
    assert_eq!(names, ["lecture", "night", "far", "visitors", "digest", "idle"]);
    let (code, help, _) = measure(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(names.iter().all(|name| help.contains(name)), "{help}");
    for (arguments, problem) in [
        (&["--case", "dream"][..], "there is no case \"dream\""),
        (&["--case"], "--case needs a value"),
        (&["--users=0"], "--users \"0\": from 1 to 15000"),
        (&["lecture"], "\"lecture\" is not understood"),
        (&["--case=night", "--users=3751"], "--users 3751: 3750 at the most where nobody writes"),
        (&["--case=idle", "--rate=2"], "how many --users hear it?"),
    ] {
        let (code, _, stderr) = measure(arguments);
        assert!(code == Some(2) && stderr.contains(problem), "{stderr}");
    }
}

/// What `/proc` says of a process: its state and who has started it. `None`: it has gone.
#[cfg(target_os = "linux")]
fn state_and_parent(id: u32) -> Option<(String, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    Some((words.next()?.into(), words.next()?.parse().ok()?))
}

#[cfg(target_os = "linux")]
fn children(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| state_and_parent(*id).is_some_and(|(_, of)| of == parent)).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn servers_end_with_the_tool_that_has_started_them_even_if_it_is_killed() {
    let program = super::common::binary();
    let check = ["check", "4", "--", program.to_str().unwrap(), "4", "--quiet"];
    for (arguments, count) in [(&["measure"][..], 4), (&check, 2)] {
        let mut tool = rawchat(arguments).stdout(Stdio::null()).spawn().unwrap();
        let started = || children(tool.id()).len() >= count;
        eventually("its servers", started);
        let children = children(tool.id());
        tool.kill().unwrap();
        tool.wait().unwrap();
        // Who would bury the dead here may have something else to do.
        let lives = |id: &u32| state_and_parent(*id).is_some_and(|(state, _)| state != "Z");
        eventually("they have gone", || !children.iter().any(lives));
    }
}

/// A measurement that nobody made.
pub fn made_up(case: &Case) -> Report {
    let measured = Technique::ALL.map(|technique| {
        let mut outcome =
            Outcome { messages: 100, delivered: 1000, visits: 10, ..Outcome::default() };
        for age in 0..1000 {
            outcome.ages.add(MS(age));
        }
        let held = Usage { threads: Some(1.0), ..Usage::default() };
        let traffic = &mut outcome.traffic;
        (traffic.requests, traffic.messages, traffic.up, traffic.down) =
            (500, 1000, 300_000, 200_000);
        let round = Round { outcome, held, cpu_ms: Some(12.0), seconds: 10.0 };
        let others = vec![(10, round.clone()), (1000, round.clone())];
        let (requests, bytes) = (Some(120.0), Some(90_000.0));
        let silence = Silence { requests_per_hour: requests, bytes_per_hour: bytes, held };
        let (pause, hold, rtt) = (MS(3000), MS(30_000), MS(50));
        let model = Model { technique, rate: 10.0, pause, hold, rtt };
        Measured { technique, rounds: vec![round], others, silence: Some(silence), model }
    });
    Report { case: case.clone(), seed: 1, measured: measured.into() }
}

#[test]
fn the_table_is_in_both_languages_and_leaves_no_gap() {
    for case in &CASES {
        let report = made_up(case);
        for (language, model) in [(Language::En, "  model "), (Language::Uk, "  модель ")] {
            let table = table(&report, &Style { language, coloured: false, everything: false });
            assert!(table.contains(model) || case.errand != Errand::Say, "{table}");
            assert!(table.lines().next().unwrap().ends_with("4 WebSocket"), "{table}");
            assert!(!table.contains(['{', '}']) && !table.contains("NaN"), "{table}");
            assert!(!table.contains("inf"), "{table}");
            let lesson = case.lesson[usize::from(language == Language::En)];
            let words: Vec<&str> = table.split_whitespace().collect();
            assert!(words.join(" ").contains(lesson), "{table}");
            assert_eq!(cyrillic(&table), language == Language::Uk, "{table}");
            let widths =
                table.lines().take_while(|line| !line.is_empty()).map(|line| line.chars().count());
            let widths: Vec<usize> = widths.collect();
            assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{table}");
            assert!(table.lines().all(|line| line.chars().count() <= COLUMNS), "{table}");
            // Of the units, too.
            let mut words = table.split([' ', ',', '\n']);
            let english = words.find(|word| ["s", "ms", "kB"].contains(word));
            assert_eq!(english.is_some(), language == Language::En, "{table}");
        }
    }
}

#[test]
fn what_is_wrong_in_any_room_is_exit_1_and_what_was_not_offered_exit_3() {
    let ended = |report: &Report| match report.verdict() {
        Err(Problem::Ended(code, why)) => (code, why),
        right => panic!("{right:?}"),
    };
    assert!(made_up(&CASES[0]).verdict().is_ok());
    let mut report = made_up(&CASES[0]);
    report.measured[1].others[1].1.outcome.doubled = 1;
    assert_eq!(
        ended(&report),
        (1, "2 short polling: messages are missing or doubled, or out of order".into())
    );
    let mut report = made_up(&CASES[0]);
    report.measured[2].rounds[0].outcome.not_offered = Some("busy".into());
    assert_eq!(ended(&report), (3, "the load could not be offered: 3 long polling: busy".into()));
}

/// The names of all members in a value of JSON.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all.iter().flat_map(names).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| [vec![name.clone()], names(value)].concat())
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_member_of_the_json_is_told_of_in_the_notes() {
    let report: Value = serde_json::from_str(&made_up(&CASES[0]).json()).unwrap();
    for notes in
        [include_str!("../../public/notes/en.md"), include_str!("../../public/notes/uk.md")]
    {
        for name in names(&report) {
            assert!(notes.contains(&format!("`{name}`")), "{name} is missing");
        }
    }
}

#[test]
fn figures_are_written_with_the_digits_that_count() {
    let times = [(0, "0.0 ms"), (2_140, "2.1 ms"), (312_400, "312 ms"), (1_553_000, "1.55 s")];
    assert!(times.iter().all(|(us, shown)| time(Duration::from_micros(*us)) == *shown));
    let sizes = [(0.0, "0 B"), (520.4, "520 B"), (5_749.0, "5.7 kB"), (1_234_567.0, "1.2 MB")];
    assert!(sizes.iter().all(|(size, shown)| bytes(*size) == *shown));
    let numbers = [
        (0.0, "0"),
        (0.0001, "0"),
        (0.02, "0.020"),
        (0.94, "0.94"),
        (9.84, "9.8"),
        (12_345.0, "12,345"),
    ];
    assert!(numbers.iter().all(|(value, shown)| number(*value) == *shown));
    let mut ages = rawchat::tools::crowd::histogram::Histogram::default();
    (0..100).for_each(|age| ages.add(MS(age)));
    // Ten lie beyond 90 %, and one beyond 99 %: too few to know where it is.
    assert_eq!((quantile(&ages, 0.9).is_some(), quantile(&ages, 0.99)), (true, None));
}
