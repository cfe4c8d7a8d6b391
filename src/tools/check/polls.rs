//! Stages 3 and 4: polling, and long polling.

use super::fault::{Done, Fault, Message, ids, listed, not, of_io, posted, status, wrong};
use super::http::goes_on;
use super::lab::{FLOOR, Lab, Peer};
use crate::tools::client::Connection;
use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

// ---- 3 Polling

/// The ids of two messages that have just been said.
fn two(lab: &Lab) -> Result<[u64; 2], Fault> {
    Ok([lab.say_something()?, lab.say_something()?])
}

/// These ids, and no other.
fn only(messages: &[Message], expected: &[u64]) -> Done {
    let ids = ids(messages);
    if ids == expected { Ok(()) } else { not(format!("id {ids:?}"), format!("{expected:?}")) }
}

pub fn newer_only(lab: &Lab) -> Done {
    lab.say_something()?;
    let ids = two(lab)?;
    only(&lab.after(ids[0] - 1)?, &ids)
}

pub fn no_news(lab: &Lab) -> Done {
    let [_, newest] = two(lab)?;
    only(&lab.after(newest)?, &[])
}

pub fn no_store(lab: &Lab) -> Done {
    let newest = lab.say_something()?;
    let response =
        lab.ask(lab.get(&format!("/messages?lastId={}", newest.saturating_sub(1))), 200)?;
    match ["no-store", "no-cache"].map(|word| response.lists("Cache-Control", word)) {
        [true, _] => {}
        [_, true] => lab.advise("no-cache, а простіше no-store", "no-cache; no-store is simpler"),
        _ => return wrong("немає Cache-Control: no-store", "there is no Cache-Control: no-store"),
    }
    Ok(())
}

pub fn after_a_restart(lab: &Lab) -> Done {
    let [_, newest] = two(lab)?;
    match ids(&lab.after(newest + 1000)?).contains(&newest) {
        true => Ok(()),
        false => wrong(
            format!("у списку немає повідомлення {newest}"),
            format!("the list came without message {newest}"),
        ),
    }
}

pub fn no_number(lab: &Lab) -> Done {
    lab.ask(lab.get("/messages?lastId=x"), 400).map(drop)
}

// ---- 4 Long polling

/// The poll is answered with this message and no other. What has come just because the hold was
/// over is not wrong, only late: then the machine was busy.
fn brings(lab: &Lab, peer: &mut Peer, began: Instant, id: u64) -> Done {
    let response = peer.response()?;
    let late = response.status == 204 && began.elapsed() + FLOOR > lab.plan.hold;
    let told = listed(&response).and_then(|messages| only(&messages, &[id]));
    told.map_err(|fault| Fault { io: late.then_some(ErrorKind::TimedOut), ..fault })
}

pub fn news_at_once(lab: &Lab) -> Done {
    let [first, newest] = two(lab)?;
    brings(lab, &mut lab.poll(first)?, Instant::now(), newest)
}

/// So many polls that wait, what they know, and since when they wait. They begin one after another:
/// if a server lets them look now and then, each looks at another moment, and not all just in time.
fn waiting<'a>(lab: &'a Lab, count: usize) -> Result<(Vec<Peer<'a>>, u64, Instant), Fault> {
    const ALL_BEGIN_WITHIN: Duration = Duration::from_millis(500);
    let newest = lab.say_something()?;
    let began = Instant::now();
    let mut peers = vec![lab.poll(newest)?];
    while peers.len() < count {
        thread::sleep(ALL_BEGIN_WITHIN / count as u32);
        peers.push(lab.poll(newest)?);
    }
    let deadline = Instant::now() + FLOOR;
    peers.iter_mut().try_for_each(|peer| peer.silent(deadline))?;
    Ok((peers, newest, began))
}

pub fn waits(lab: &Lab) -> Done {
    waiting(lab, 1).map(drop)
}

fn releases(lab: &Lab, count: usize) -> Done {
    /// Long for a wake-up, and short for somebody who looks once a second.
    const WAKE_UP: Duration = Duration::from_millis(250);
    let (mut peers, _, began) = waiting(lab, count)?;
    let id = lab.say_something()?;
    let said = Instant::now();
    peers.iter_mut().try_for_each(|peer| brings(lab, peer, began, id))?;
    let took = said.elapsed();
    if took > WAKE_UP {
        let uk =
            "схоже, читача ніхто не будить: він лише час від часу дивиться сам. Прийшло аж через";
        let en = "do readers only look now and then, and nobody wakes them? It came after";
        lab.came_late(uk, en, took);
    }
    Ok(())
}

pub fn released(lab: &Lab) -> Done {
    releases(lab, 1)
}

pub fn all_released(lab: &Lab) -> Done {
    releases(lab, 10)
}

/// The message is sent when the poll is on its way, a little later each time: some of them meet in
/// between the look and the sleep of a server that does not do both under one lock.
pub fn between_polls(lab: &Lab) -> Done {
    const ROUNDS: u32 = 200;
    // Times the square of the round: up to 2 ms, and closer together where most servers look.
    const STEP: Duration = Duration::from_nanos(50);
    let mut newest = lab.say_something()?;
    for round in 0..ROUNDS {
        let (mut writer, message) = (lab.peer()?, lab.post(&lab.word()));
        let began = Instant::now();
        let mut poll = lab.poll(newest)?;
        let sent = Instant::now();
        while sent.elapsed() < STEP * (round * round) {
            std::hint::spin_loop();
        }
        writer.send(message)?;
        newest = posted(&writer.response()?)?.id;
        brings(lab, &mut poll, began, newest)?;
    }
    Ok(())
}

pub fn ends_with_204(lab: &Lab) -> Done {
    let (mut peers, ..) = waiting(lab, 1)?;
    let response = peers[0].response_to("GET", lab.plan.hold + lab.plan.patience)?;
    status(&response, 204)?;
    goes_on(lab, &mut peers[0], &response, 204)
}

pub fn others_are_served(lab: &Lab) -> Done {
    let (_peers, _, began) = waiting(lab, 100)?;
    lab.ask(lab.get("/"), 200)?;
    match began.elapsed() < lab.plan.hold {
        true => Ok(()),
        false => Err(of_io(&ErrorKind::TimedOut.into())),
    }
}

pub fn leaver_takes_nothing(lab: &Lab) -> Done {
    let (leaver, newest, _) = waiting(lab, 1)?;
    drop(leaver);
    let id = lab.say_something()?;
    brings(lab, &mut lab.poll(newest)?, Instant::now(), id)
}

pub fn leaver_is_noticed(lab: &Lab) -> Done {
    /// So much earlier than the wait is over anyway.
    const BEFORE: Duration = Duration::from_secs(1);
    let (mut peers, _, began) = waiting(lab, 1)?;
    peers[0].connection.finish().map_err(|error| of_io(&error))?;
    let left = (began + lab.plan.hold - BEFORE).saturating_duration_since(Instant::now());
    let left = left.clamp(Duration::from_millis(1), lab.plan.patience);
    match peers[0].within(left, Connection::fill) {
        Err(fault) if !fault.is_end() => Err(fault.told(
            "FIN не помічено, місце й далі зайняте",
            "FIN is not noticed, so the place stays taken",
        )),
        _ => Ok(()),
    }
}
