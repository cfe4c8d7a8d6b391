//! `rawchat race`: the four techniques over one room, and when each of them shows what was said.

use crate::common::{
    Client, DEADLINE, Process, Response, Server, eventually, get, number, rawchat,
};
use serde_json::Value;
use std::net::TcpListener;
use std::time::Instant;

/// A race, and what its page is told.
struct Race {
    process: Process,
    feed: Client,
    rows: Vec<Value>,
    parts: Vec<String>,
}

impl Race {
    fn start(flags: &[&str]) -> Race {
        let mut process = Process::start(rawchat(&["race", "--port=0"]).args(flags));
        let stdout = process.stdout.take().unwrap();
        let lines = crate::common::lines(stdout).map(|line| line.trim().to_string());
        let links = lines.filter(|line| line.contains("/?user=")).take(4);
        let host = |line: String| line.split('/').nth(2).unwrap().to_string();
        let parts = links.map(host).collect();
        let mut feed = process.client();
        feed.send(get("/events"));
        feed.read_until("\r\n\r\n");
        Race { process, feed, rows: Vec::new(), parts }
    }

    fn post(&self, path: &str, form: &str) -> Response {
        self.post_with(path, form, "")
    }

    fn post_with(&self, path: &str, form: &str, fields: &str) -> Response {
        let length = form.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: {}\r\n{fields}", self.process.address);
        let kind = "Content-Type: application/x-www-form-urlencoded";
        self.process.client().ask(format!("{head}{kind}\r\nContent-Length: {length}\r\n\r\n{form}"))
    }

    fn say(&self, text: &str) {
        let response = self.post("/say", &format!("user=Alice&text={text}"));
        assert_eq!(response.status, 201, "{response:?}");
    }

    /// The first row, of those that have come and those to come, for which this holds.
    fn row(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        let mut looked_at = 0;
        loop {
            if let Some(row) = self.rows[looked_at..].iter().find(|row| wanted(row)) {
                return row.clone();
            }
            looked_at = self.rows.len();
            assert!(began.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
            let event = self.feed.read_until("\n\n");
            if let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) {
                self.rows.extend(serde_json::from_str::<Vec<Value>>(data).unwrap());
            }
        }
    }

    /// When this part showed message `id`.
    fn shown(&mut self, part: u64, id: u64) -> u64 {
        let row = self.row(&format!("part {part} shows {id}"), |row| shows(row, part, id));
        number(&row, "answered")
    }

    fn has_shown(&self, part: u64, id: u64) -> bool {
        self.rows.iter().any(|row| shows(row, part, id))
    }

    /// All have come to the first message that they wait for.
    fn everybody_waits(&mut self) {
        for part in [1, 2, 4] {
            self.row("an answer", |row| row["lane"] == part && row["answered"].is_u64());
        }
        self.row("a long poll", |row| row["lane"] == 3 && row["asks"].is_u64());
    }
}

fn shows(row: &Value, part: u64, id: u64) -> bool {
    row["lane"] == part && row["newest"].as_u64().is_some_and(|newest| newest >= id)
}

#[test]
fn four_parts_over_one_room_tell_of_the_same_message() {
    let first = Server::start(1);
    let [second, third, fourth] = [2, 3, 4].map(|part| first.beside(part));
    let mut member = fourth.join("Bob").greeted();
    let mut waits = third.client();
    waits.send(get("/subscribe?lastId=0"));
    assert_eq!(first.post("Alice", "hello").status, 201);
    assert_eq!(member.message(), (1, "hello".into()));
    assert_eq!(waits.response().ids(), [1]);
    assert_eq!(second.get("/messages?lastId=0").ids(), [1]);
    assert!(first.get("/?user=Bob").text().contains("hello"));
}

#[test]
fn push_shows_at_once_a_poll_after_its_pause_and_a_page_after_f5() {
    let mut race = Race::start(&["--pause=30s"]);
    race.everybody_waits();
    race.say("hello");
    race.shown(4, 1);
    race.shown(3, 1);
    assert!(!race.has_shown(2, 1), "{:?}", race.rows);
    let rests = race.row("an answer", |row| row["lane"] == 2 && row["answered"].is_u64());
    // The pause is over now, for the reader that rests, too.
    assert_eq!(race.post("/knobs", "pause=100").status, 204);
    let shown = race.shown(2, 1);
    assert!(shown - number(&rests, "answered") < 30_000, "it rested to the end of its old pause");
    race.say("again");
    race.shown(2, 2);
    assert!(!race.has_shown(1, 1), "{:?}", race.rows);
    assert_eq!(race.post("/reload", "").status, 204);
    race.shown(1, 2);
}

#[test]
fn half_a_round_trip_is_the_least_that_news_takes() {
    let mut race = Race::start(&["--rtt=400ms", "--pause=100ms"]);
    race.everybody_waits();
    let said = race.post("/say", "user=Alice&text=hello").json();
    let said = humantime::parse_rfc3339(said["message"]["timestamp"].as_str().unwrap()).unwrap();
    let said = said.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    for part in [4, 3, 2] {
        let age = race.shown(part, 1) - said;
        assert!(age >= 200, "part {part}: {age} ms");
    }
}

#[test]
fn what_is_said_on_a_real_page_is_raced_too() {
    let mut race = Race::start(&[]);
    let body = "user=Bob&text=from+part+1";
    let (host, length) = (race.parts[0].clone(), body.len());
    let request = format!(
        "POST /messages HTTP/1.1\r\nHost: {host}\r\nContent-Type: \
         application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let response = Client::connect(host.parse().unwrap()).ask(request);
    assert_eq!(response.status, 201, "{response:?}");
    let said = race.row("said", |row| row["said"] == 1);
    assert_eq!((&said["user"], &said["text"]), (&"Bob".into(), &"from part 1".into()));
    race.shown(4, 1);
}

#[test]
fn a_crowd_comes_and_goes_and_is_counted() {
    let mut race = Race::start(&["--rtt=1ms", "--pause=30s"]);
    race.everybody_waits();
    assert_eq!(race.post("/knobs", "crowd=9").status, 204);
    // One handshake each, and never another request.
    let counts = |row: &Value, part: usize| row["counts"][part - 1][0].as_u64();
    race.row("nine handshakes", |row| counts(row, 4) == Some(9));
    race.row("nine pages", |row| counts(row, 1) == Some(9));
    race.say("hello");
    race.row("nine answers, and nine more are waited for", |row| counts(row, 3) == Some(9));
    let address = race.parts[3].parse().unwrap();
    let members =
        || number(&Client::connect(address).ask(get("/stats")).json(), "connectedClients");
    eventually("nine are in the chat", || members() == 9);
    assert_eq!(race.post("/knobs", "crowd=1").status, 204);
    eventually("the crowd has gone", || members() == 1);
    race.say("again");
    race.shown(4, 2);
    race.shown(3, 2);
    let last = race.rows.iter().rev().find_map(|row| counts(row, 1));
    assert_eq!(last, Some(9), "a crowd that goes loads no page");
}

#[test]
fn knobs_have_ends_and_only_a_page_of_this_server_turns_them() {
    let race = Race::start(&[]);
    for (form, problem) in [
        ("rtt=2001", "2.001s: 2s at the most"),
        ("rtt=-1", "expected a number"),
        ("pause=99", "99ms: from 100ms to 30s"),
        ("crowd=0", "a crowd of 0: from 1 to 100"),
        ("crowd=101", "a crowd of 101: from 1 to 100"),
        ("crowd=99999999999", "expected a number"),
    ] {
        let response = race.post("/knobs", form);
        assert_eq!(response.status, 400, "{form}: {response:?}");
        assert!(response.text().contains(problem), "{form}: {response:?}");
    }
    for path in ["/say", "/knobs", "/reload"] {
        let foreign = race.post_with(path, "text=x&crowd=2", "Origin: http://evil.example\r\n");
        assert_eq!(foreign.status, 403, "{path}: {foreign:?}");
        assert_eq!(race.process.get(path).status, 405, "{path}");
    }
    assert_eq!(race.process.get("/nowhere").status, 404);
    let empty = race.post("/say", "user=Alice&text=");
    assert_eq!(empty.status, 400, "{empty:?}");
    let rebound = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    for host in race.parts.iter().chain([&race.process.address.to_string()]) {
        let response = Client::connect(host.parse().unwrap()).ask(rebound);
        assert_eq!(response.status, 421, "{host}: {response:?}");
    }
}

#[test]
fn a_race_that_cannot_begin_says_why() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    for (flags, code, problem) in [
        (&["--crowd=0"][..], 2, "--crowd \"0\": from 1 to 100"),
        (&["--rtt=3s"], 2, "a round trip of 3s: 2s at the most"),
        (&["--rtt=fast"], 2, "\"fast\" is no time like 50ms or 60s"),
        (&["--port=65535"], 2, "from 0 to 65531"),
        (&["--port", &taken], 1, "--port 0 takes a free port"),
        (&["--port"], 2, "--port needs a value"),
        (&["--nonsense"], 2, "is not understood"),
    ] {
        let output = rawchat(&["race"]).args(flags).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {said}");
        assert!(said.contains(problem), "{flags:?}: {said}");
    }
}

#[test]
fn a_race_that_is_open_to_the_network_warns_and_answers_to_every_name() {
    let mut open = Process::start(&mut rawchat(&["race", "--port=0", "--host=0.0.0.0"]));
    let mut lines = crate::common::lines(open.stdout.take().unwrap());
    assert!(lines.any(|line| line.starts_with("no passwords: anybody on the network")));
    let named = "GET / HTTP/1.1\r\nHost: lecture.example\r\n\r\n";
    assert_eq!(open.client().ask(named).status, 200);
}
