//! `rawchat race`: the four techniques over one room.

use crate::common::{Server, get};

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
