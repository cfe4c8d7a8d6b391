//! Every check: its sentence, what must come, the usual mistake, and how to see it by hand.

use super::fault::Done;
use super::lab::Lab;
use super::{events, frames, http, polls};

/// A text in Ukrainian and in English.
type Both = [&'static str; 2];

pub struct Check {
    /// `4.4`; the first number is the stage.
    pub id: &'static str,
    /// Else it is advice: an RFC says "should", or the choice is ours.
    pub must: bool,
    pub run: fn(&Lab) -> Done,
    /// The checks that it builds on; `--` is a server that we have started ourselves.
    pub needs: &'static str,
    pub rfc: Option<(u16, &'static str)>,
    pub mark: &'static str,
    pub sentence: Both,
    pub expected: Both,
    pub mistake: Both,
    /// `{url}` and `{host}` stand for the server.
    pub by_hand: &'static str,
}

impl Check {
    pub fn stage(&self) -> usize {
        usize::from(self.id.as_bytes()[0] - b'0')
    }
}

/// The stages, in the order of the lecture.
pub const STAGES: [Both; 9] = [
    ["Він слухає", "It listens"],
    ["Він говорить HTTP", "It speaks HTTP"],
    ["Він пам’ятає", "It remembers"],
    ["Опитування", "Polling"],
    ["Довге опитування", "Long polling"],
    ["Рукостискання", "The handshake"],
    ["Кадри", "Frames"],
    ["Чат на них і негаразди", "The chat on it, and trouble"],
    ["Server-Sent Events", "Server-Sent Events"],
];

/// The stages of each part of the lecture; the fifth is homework.
pub const STAGES_OF_PARTS: [&[usize]; 5] =
    [&[0, 1, 2], &[0, 1, 2, 3], &[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4, 5, 6, 7], &[0, 1, 2, 3, 8]];

macro_rules! checks {
    ($($id:literal $must:tt $module:ident $run:ident $needs:literal $rfc:expr, $mark:literal
        $sentence:expr; $expected:expr; $mistake:expr; $by_hand:literal)+) => {
        /// In the order in which they are made.
        pub const CHECKS: &[Check] = &[$(Check {
            id: $id,
            must: $must,
            run: $module::$run,
            needs: $needs,
            rfc: $rfc,
            mark: $mark,
            sentence: $sentence,
            expected: $expected,
            mistake: $mistake,
            by_hand: $by_hand,
        }),+];
    };
}

const OURS: Option<(u16, &str)> = None;

const fn rfc(number: u16, section: &'static str) -> Option<(u16, &'static str)> {
    Some((number, section))
}

#[rustfmt::skip]
checks! {
// ---- 0 It listens
"0.1" true http listens "" OURS, "1.1"
    ["сервер приймає з’єднання не пізніше ніж за 10 с після запуску", "the server accepts a connection within 10 s of its start"];
    ["з’єднання на порту зі змінної PORT, на 127.0.0.1 або ::1", "a connection at the port that PORT names, on 127.0.0.1 or ::1"];
    ["порт записано в коді, або програма завершилася", "the port is fixed in the code, or the program has ended"];
    "rawchat raw {host}"
"0.2" true http silent_client "0.1" OURS, "1.1"
    ["мовчазний клієнт нікого не затримує", "a silent client delays nobody"];
    ["A з’єднався й мовчить; B питає GET / і одразу має відповідь", "A is connected and silent; B asks GET / and is answered at once"];
    ["accept і розмова в одному циклі: наступного не приймають, доки не договорить перший", "accept and conversation in one loop: nobody is accepted before the first has finished"];
    "sleep 9 | rawchat raw {host} & curl -i {url}/"
// ---- 1 It speaks HTTP
"1.1" true http page "0.1" rfc(9110, "15.3.1"), "1.6"
    ["сторінка — це HTML зі станом 200", "the page is HTML with status 200"];
    ["HTTP/1.1 200 OK, Content-Type: text/html, порожній рядок, тіло", "HTTP/1.1 200 OK, Content-Type: text/html, an empty line, the body"];
    ["рядки кінчаються самим LF, або після голови немає порожнього рядка", "lines end in LF alone, or no empty line follows the head"];
    "curl -i {url}/"
"1.2" true http bytes_are_counted "1.1" rfc(9110, "8.6"), "1.6"
    ["Content-Length рахує байти", "Content-Length counts bytes"];
    ["Content-Length — це довжина тіла в байтах: «Привіт» має їх 12", "Content-Length is the length of the body in bytes: Привіт has 12"];
    ["пораховано літери, а не байти в UTF-8", "characters are counted, and not the bytes of UTF-8"];
    "curl -i '{url}/?user=%D0%9F%D1%80%D0%B8%D0%B2%D1%96%D1%82'"
"1.3" true http several_requests "1.1" rfc(9112, "9.3"), "1.7"
    ["одне з’єднання несе кілька запитів", "one connection carries several requests"];
    ["GET і ще один GET тим самим з’єднанням: дві відповіді", "GET and another GET on the same connection: two answers"];
    ["після відповіді сокет закрито, або сервер чекає на FIN", "the socket is closed after the answer, or the server waits for FIN"];
    "curl -v {url}/ {url}/"
"1.4" false http two_in_one_write "1.3" rfc(9112, "9.3.2"), "1.7"
    ["на два запити одним записом приходять дві відповіді, по черзі", "two requests in one write get two answers, in their order"];
    ["обидві відповіді: спершу 200 на GET /", "both answers: first 200 for GET /"];
    ["те, що прочитано після першого запиту, викинуто разом із буфером", "what was read after the first request is thrown away with the buffer"];
    r"printf 'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n' | nc {nc}"
"1.5" true http byte_by_byte "1.1" rfc(9112, "2.2"), "1.2"
    ["на запит, що приходить по байту, є одна відповідь", "a request that comes byte by byte is answered once"];
    ["одна відповідь 200, коли прийшов порожній рядок", "one answer 200, when the empty line has come"];
    ["одне читання взято за один запит", "one read is taken for one request"];
    "rawchat raw {host}    GET / HTTP/1.1 ⏎ Host: a ⏎ ⏎"
"1.6" true http unknown_path "1.1" rfc(9110, "15.5.5"), "1.14"
    ["невідомий шлях — це 404, а з’єднання живе", "an unknown path is 404, and the connection lives"];
    ["404, а тоді 200 на GET / тим самим з’єднанням", "404, and then 200 for GET / on the same connection"];
    ["виняток у потоці, або 200 на будь-який шлях", "an exception in the thread, or 200 for any path"];
    "curl -i {url}/nosuch"
"1.7" false http no_host "1.1" rfc(9112, "3.2"), "1.2"
    ["запит HTTP/1.1 без Host — це 400", "a request of HTTP/1.1 without Host is 400"];
    ["400", "400"];
    ["на Host ніхто не дивиться", "nobody looks at Host"];
    "curl -i -H 'Host:' {url}/"
"1.8" true http close_is_honoured "1.1" rfc(9112, "9.6"), "1.7"
    ["після Connection: close сервер відповідає й закриває", "after Connection: close the server answers and closes"];
    ["відповідь, а за нею FIN", "the answer, and FIN after it"];
    ["з’єднання лишається відкритим", "the connection stays open"];
    "curl -v -H 'Connection: close' {url}/"
"1.9" false http head "1.3" rfc(9110, "9.3.2"), "1.6"
    ["HEAD — це GET без тіла", "HEAD is GET without the body"];
    ["та сама голова й жодного байта тіла", "the same head, and no byte of a body"];
    ["тіло пішло слідом і зіпсувало наступну відповідь", "the body follows and spoils the next answer"];
    "curl -I {url}/"
// ---- 2 It remembers
"2.1" true http next_id "1.1" OURS, "3.2"
    ["надіслане повідомлення дістає наступний id", "a posted message gets the next id"];
    ["201 і {\"success\":true,\"message\":{\"id\":…}}, тричі, id на одиницю більший", "201 and {\"success\":true,\"message\":{\"id\":…}}, three times, each id one more"];
    ["id випадкові, повторюються або рядки замість чисел", "ids are random, repeat, or are strings"];
    "curl -i {url}/messages -H 'Content-Type: application/json' -d '{\"user\":\"A\",\"text\":\"hi\"}'"
"2.2" true http is_remembered "2.1" OURS, "3.1"
    ["надіслане є в списку, один раз", "what was posted is in the list, once"];
    ["200 і масив, у якому це повідомлення одне", "200 and an array that has this message once"];
    ["повідомлення губиться або стоїть двічі", "the message is lost, or is there twice"];
    "curl -s {url}/messages"
"2.3" true http body_comes_later "2.1" rfc(9112, "6.3"), "1.4"
    ["на тіло, що приходить пізніше за голову, чекають", "a body that comes after its head is waited for"];
    ["поки тіла немає — нічого, потім 201", "nothing while there is no body, then 201"];
    ["читають один раз: тіло вважають порожнім", "it is read once: the body is taken for empty"];
    "curl -s {url}/messages -H 'Expect: 100-continue' -d 'user=A&text=hi'"
"2.4" true http text_comes_back "2.1" rfc(8259, "7"), "1.9"
    ["текст вертається таким, як пішов", "text comes back as it went"];
    ["лапки, \\, новий рядок, українські літери й 😀 ті самі", "quotes, \\, a newline, Ukrainian letters and 😀 are the same"];
    ["JSON склеєно з рядків без екранування", "JSON is glued together without escapes"];
    "curl -s {url}/messages -H 'Content-Type: application/json' -d '{\"user\":\"A\",\"text\":\"\\\"\\\\ 😀\"}'"
"2.5" true http markup_is_text "2.1" OURS, "1.10"
    ["розмітка в повідомленні — це на сторінці текст", "markup in a message is text in the page"];
    ["на сторінці немає елемента, який хтось написав у чаті: < стає &lt;", "the page has no element that somebody wrote in the chat: < becomes &lt;"];
    ["текст вставлено у HTML як є: збережений XSS", "the text is put into the HTML as it is: stored XSS"];
    "curl -s {url}/messages -d 'user=A&text=<b id=x>!</b>'; curl -s {url}/ | grep 'id=x'"
"2.6" true http form_leads_back "2.1" rfc(9110, "15.4.4"), "1.12"
    ["форма вертає браузер на сторінку", "a form brings the browser back"];
    ["303 і Location на POST форми з Accept: text/html", "303 and Location for a POST of a form with Accept: text/html"];
    ["200: F5 надішле форму ще раз", "200: F5 posts the form again"];
    "curl -i {url}/messages -H 'Accept: text/html' -d 'user=A&text=hi'"
"2.7" true http broken_json "2.1" rfc(9110, "15.5.1"), "1.9"
    ["зламаний JSON — це 400, і нічого не зберігається", "broken JSON is 400 and stores nothing"];
    ["400, а список той самий", "400, and the list is as it was"];
    ["500, або виняток закрив з’єднання", "500, or an exception has closed the connection"];
    "curl -i {url}/messages -H 'Content-Type: application/json' -d '{\"user\":'"
"2.8" true http announced_gigabyte "2.1" rfc(9110, "15.5.14"), "1.4"
    ["тілу, яке обіцяє бути завбільшки 1 ГБ, відмовлено одразу", "a body announced as 1 GB is refused at once"];
    ["413, щойно прочитано Content-Length", "413 as soon as Content-Length is read"];
    ["сервер чекає на мільярд байтів або просить для них пам’ять", "the server waits for a billion bytes, or asks for memory for them"];
    "curl -i {url}/messages -H 'Content-Length: 1000000000' -d x"
"2.9" true http twenty_writers "2.1" OURS, "3.1"
    ["двадцятеро пишуть, і нічого не губиться", "twenty writers lose nothing"];
    ["20 разів по 25 повідомлень: 500 id поспіль, кожен один раз", "20 times 25 messages: 500 ids in a row, each once"];
    ["лічильник без замка: двоє взяли те саме число", "a counter without a lock: two have taken the same number"];
    "for i in $(seq 20); do curl -s {url}/messages -d user=$i -d text=hi & done; wait; curl -s {url}/messages"
// ---- 3 Polling
"3.1" true polls newer_only "2.1" OURS, "2.1"
    ["lastId дає те, що новіше, по порядку", "lastId gives what is newer, in order"];
    ["lastId=n-2 дає рівно два повідомлення", "lastId=n-2 gives exactly two messages"];
    ["щоразу приходить увесь список", "the whole list comes each time"];
    "curl -s '{url}/messages?lastId=1'"
"3.2" true polls no_news "2.1" OURS, "2.1"
    ["немає новин — порожній список, одразу", "no news is an empty list, at once"];
    ["200 і []", "200 and []"];
    ["404, null, або сервер чекає", "404, null, or the server waits"];
    "curl -i '{url}/messages?lastId=N'"
"3.3" true polls no_store "2.1" rfc(9111, "5.2.2.5"), "2.2"
    ["на опитування не відповідають із кешу", "a poll may not be answered from a cache"];
    ["Cache-Control: no-store", "Cache-Control: no-store"];
    ["поля немає: браузер показує старе", "there is no such field: the browser shows what is old"];
    "curl -si '{url}/messages?lastId=0' | grep -i cache"
"3.4" true polls after_a_restart "3.1" OURS, "2.1"
    ["lastId з часів до перезапуску починає спочатку", "a lastId from before a restart starts over"];
    ["lastId=n+1000 дає все, що є", "lastId=n+1000 gives everything there is"];
    ["мовчання, доки лічильник не дожене", "silence until the counter has caught up"];
    "curl -s '{url}/messages?lastId=99999'"
"3.5" false polls no_number "3.1" rfc(9110, "15.5.1"), "1.14"
    ["lastId, який не є числом, — це 400", "a lastId that is no number is 400"];
    ["400", "400"];
    ["виняток і 500", "an exception and 500"];
    "curl -i '{url}/messages?lastId=x'"
// ---- 4 Long polling
"4.1" true polls news_at_once "2.1" OURS, "3.3"
    ["на опитування, для якого є новини, відповідають одразу", "a poll with news is answered at once"];
    ["lastId=n-1: 200 і повідомлення n", "lastId=n-1: 200 and message n"];
    ["сервер спершу засинає, а тоді дивиться", "the server sleeps first and looks afterwards"];
    "curl -i '{url}/subscribe?lastId=0'"
"4.2" true polls waits "4.1" OURS, "3.3"
    ["опитування без новин чекає", "a poll without news waits"];
    ["lastId=n: жодного байта за 1,5 с", "lastId=n: no byte for 1.5 s"];
    ["відповідь [] одразу: це коротке опитування під іншою назвою", "the answer [] at once: this is short polling by another name"];
    "curl -i '{url}/subscribe?lastId=N'"
"4.3" true polls released "4.2" OURS, "3.2"
    ["повідомлення будить того, хто чекає", "a message releases the one who waits"];
    ["200 з ним, одразу після POST", "200 with it, right after the POST"];
    ["сон у циклі замість умовної змінної, або нікого не будять", "sleeping in a loop in place of a condition variable, or nobody is woken"];
    "curl -s '{url}/subscribe?lastId=N' & sleep 1; curl -s {url}/messages -d user=A -d text=hi; wait"
"4.4" true polls all_released "4.3" OURS, "3.2"
    ["одне повідомлення будить усіх", "one message releases everybody"];
    ["усі десять мають 200 з ним", "all ten have 200 with it"];
    ["розбуджено одного (notify_one, signal), а не всіх (notify_all, broadcast)", "one sleeper is woken (notify_one, signal) and not all of them (notify_all, broadcast)"];
    "for i in 1 2 3; do curl -s '{url}/subscribe?lastId=N' & done; sleep 1; curl -s {url}/messages -d user=A -d text=hi; wait"
"4.5" true polls between_polls "4.3" OURS, "3.4"
    ["повідомлення між двома опитуваннями не губиться", "a message between two polls is not lost"];
    ["200 разів: повідомлення надходить разом з опитуванням, і воно його приносить", "200 times: the message is sent as the poll arrives, and the poll brings it"];
    ["спершу глянули, тоді взяли замок і заснули: дзвінок пролунав між ними", "look, then lock and sleep: the bell rang in between"];
    "rawchat check 3 {url} --only 4.5"
"4.6" true polls ends_with_204 "4.2" rfc(9110, "15.3.5"), "3.5"
    ["чекання кінчається станом 204, а з’єднання живе", "the wait ends with 204, and the connection lives"];
    ["після --hold (30 с) 204 без тіла, а тоді 200 на GET /", "after --hold (30 s) 204 without a body, and then 200 for GET /"];
    ["у 204 є тіло, сокет закрито, або чекання не має кінця", "204 has a body, the socket is closed, or the wait has no end"];
    "curl -i '{url}/subscribe?lastId=N' {url}/"
"4.7" true polls others_are_served "4.2" OURS, "1.1"
    ["поки сто чекають, інших обслуговують", "others are served while a hundred wait"];
    ["100 опитувань чекають, а GET / має відповідь одразу", "100 polls wait, and GET / is answered at once"];
    ["пул потоків вичерпано, або замок тримають і вві сні", "the pool of threads is used up, or the lock is held during sleep"];
    "for i in $(seq 100); do curl -s '{url}/subscribe?lastId=N' & done; curl -i {url}/"
"4.8" true polls leaver_takes_nothing "4.3" OURS, "3.6"
    ["хто пішов, не забирає повідомлення з собою", "anyone who leaves takes no message along"];
    ["той, хто чекав, закрив з’єднання; повідомлення дістає інший", "the one who waited has closed; another one gets the message"];
    ["повідомлення віддано тому, кого вже немає", "the message is delivered to somebody who is gone"];
    "curl -m 1 '{url}/subscribe?lastId=N'; curl -s {url}/messages -d user=A -d text=hi; curl -s '{url}/subscribe?lastId=N'"
// ---- 5 The handshake
"5.1" true frames accept_key "1.1" rfc(6455, "4.2.2"), "4.1"
    ["ключ згоди належить до ключа запиту", "the accept key belongs to the key"];
    ["101 і Sec-WebSocket-Accept: Base64 від SHA-1 від ключа й GUID", "101 and Sec-WebSocket-Accept: Base64 of SHA-1 of the key and the GUID"];
    ["переписано приклад із RFC, помилка в GUID, або SHA-1 взято шістнадцятковим рядком", "the RFC's example is copied, the GUID has a mistake, or SHA-1 is taken as hexadecimal text"];
    "rawchat raw --ws 'ws://{host}/?user=A'"
"5.2" true frames case_and_lists "5.1" rfc(6455, "4.2.1"), "4.1"
    ["великі й малі літери в назвах рівнозначні, а Connection — список", "names and tokens have no case, and Connection is a list"];
    ["101 на Connection: keep-alive, Upgrade", "101 for Connection: keep-alive, Upgrade"];
    ["порівняння з рядком \"Upgrade\": Firefox не з’єднається", "it is compared with \"Upgrade\": Firefox cannot connect"];
    "curl -i -m 2 '{url}/?user=A' -H 'Connection: keep-alive, Upgrade' -H 'Upgrade: WebSocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='"
"5.3" false frames another_version "5.1" rfc(6455, "4.4"), "4.1"
    ["на іншу версію — 426 і назва версії 13", "another version is 426 and names 13"];
    ["426 і Sec-WebSocket-Version: 13", "426 and Sec-WebSocket-Version: 13"];
    ["101 або 500", "101 or 500"];
    "curl -i -m 2 '{url}/?user=A' -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 12' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='"
"5.4" true frames early_frame "5.1" rfc(6455, "4.1"), "4.1"
    ["кадр, що прийшов разом із рукостисканням, не губиться", "a frame that comes with the handshake is not lost"];
    ["101, а тоді відлуння кадру з того самого запису", "101, and then the echo of the frame from the same write"];
    ["буфер HTTP викинуто, коли перейшли на кадри", "the buffer of HTTP is dropped at the switch to frames"];
    "rawchat check 4 {url} --only 5.4"
"5.5" true frames foreign_origin "5.1" rfc(6455, "10.2"), "1.11"
    ["чужому Origin відмовлено", "a foreign Origin is refused"];
    ["403 на Origin: http://evil.example", "403 for Origin: http://evil.example"];
    ["Origin не перевірено: чужа сторінка пише в чат від імені відвідувача", "Origin is not looked at: another site's page writes into the chat for its visitor"];
    "curl -i -m 2 '{url}/?user=A' -H 'Origin: http://evil.example' -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='"
// ---- 6 Frames
"6.1" true frames lengths "5.1" rfc(6455, "5.2"), "4.2"
    ["довжини 0, 125, 126, 65 535 і 65 536 вертаються", "lengths 0, 125, 126, 65,535 and 65,536 come back"];
    ["те саме від /echo, з найкоротшим записом довжини", "the same from /echo, with the length in its shortest form"];
    ["записи довжини у 2 і 8 байтах, порядок байтів, або одне читання взято за один кадр", "the forms of 2 and 8 bytes, the order of bytes, or one read is taken for one frame"];
    "rawchat raw --ws ws://{host}/echo"
"6.2" true frames unmasks "5.1" rfc(6455, "5.3"), "4.3"
    ["сервер знімає маску й сам не маскує", "the server unmasks, and does not mask"];
    ["той самий текст без маски, хоч кадр ішов по байту", "the same text without a mask, though the frame came byte by byte"];
    ["зсув ключа, або відповідь замаскована", "the key is shifted, or the answer is masked"];
    "rawchat raw -v --ws ws://{host}/echo"
"6.3" true frames unmasked_frame "5.1" rfc(6455, "5.1"), "4.2"
    ["незамаскований кадр закриває з’єднання з кодом 1002", "an unmasked frame is closed with 1002"];
    ["Close 1002, а тоді кінець TCP", "Close 1002, and then the end of TCP"];
    ["кадр прийнято, або TCP обірвано без Close", "the frame is accepted, or TCP ends without Close"];
    r"rawchat raw --ws ws://{host}/echo    :bytes \x81\x02hi"
"6.4" true frames ping_between_fragments "5.1" rfc(6455, "5.4"), "4.4"
    ["на ping між двома фрагментами відповідають раніше, з його вмістом", "a ping between two fragments is answered first, with its payload"];
    ["Pong із вмістом Ping, а тоді ціле повідомлення", "a Pong with the payload of the Ping, and then the whole message"];
    ["ping узято за фрагмент, або фрагменти не складено", "the ping is taken for a fragment, or fragments are not put together"];
    "rawchat raw --ws ws://{host}/echo    :part a ⏎ :ping x ⏎ :last b"
"6.5" false frames not_utf8 "5.1" rfc(6455, "8.1"), "4.4"
    ["текст не в UTF-8 закриває з’єднання з кодом 1007", "text that is not UTF-8 is closed with 1007"];
    ["Close 1007", "Close 1007"];
    ["на місці поганих байтів стоїть U+FFFD", "U+FFFD stands in place of the bad bytes"];
    r"rawchat raw --ws ws://{host}/echo    :bytes \x81\x84\0\0\0\0\xce\xba\xe1\xff"
"6.6" true frames close "5.1" rfc(6455, "7.1.1"), "4.5"
    ["на close відповідають, а тоді сервер закриває TCP", "a close is answered, and then the server ends TCP"];
    ["Close 1000 у відповідь, а тоді FIN", "Close 1000 in answer, and then FIN"];
    ["TCP обірвано без відповіді, або з’єднання висить", "TCP is cut without an answer, or the connection hangs"];
    "rawchat raw --ws ws://{host}/echo    :close 1000"
// ---- 7 The chat on it, and trouble
"7.1" true frames everybody "2.1 5.1" OURS, "4.7"
    ["кожен дістає кожне повідомлення один раз, по порядку, через HTTP і через WebSocket", "everybody gets each message once, in order, over HTTP and over WebSocket"];
    ["11 читачів чують 100 повідомлень поспіль, половину з них надіслано через POST", "11 readers hear 100 messages in a row, half of them sent by POST"];
    ["двоє пишуть в один сокет, або дві кімнати: одна для HTTP, друга для WebSocket", "two writers on one socket, or two rooms: one for HTTP, one for WebSocket"];
    "rawchat raw --ws 'ws://{host}/?user=A'    curl -s {url}/messages -d user=B -d text=hi"
"7.2" true frames comes_back "7.1" OURS, "4.10"
    ["хто вертається з lastId, нічого не пропускає", "anyone who comes back with lastId misses nothing"];
    ["50 обривів, а повідомлення йдуть поспіль", "50 cuts, and the messages go on one after another"];
    ["спершу надіслано пропущене, а потім додано до учасників (або навпаки): між ними щось загубилося чи подвоїлося", "first what was missed, then the list of members (or the other way): something is lost or doubled in between"];
    "rawchat raw --ws 'ws://{host}/?user=A&lastId=0'"
"7.3" true frames stalled_reader "7.1" OURS, "4.8"
    ["читач, який перестав читати, нікому не шкодить", "a reader that stops reading harms nobody"];
    ["один не читає, а інший вчасно чує 2000 довгих повідомлень", "one does not read, and another hears 2,000 long messages in time"];
    ["пишуть у сокет, тримаючи замок: буфер повний — усі чекають", "the lock is held while writing to a socket: the buffer is full, and everybody waits"];
    "rawchat check 4 {url} --only 7.3"
"7.4" false frames enormous_frame "7.1" rfc(6455, "10.4"), "4.2"
    ["кадру на 2^62 байтів відмовлено, йому не вірять", "a frame of 2^62 bytes is refused, not believed"];
    ["Close 1009 або кінець з’єднання", "Close 1009, or the end of the connection"];
    ["пам’ять просять на стільки, скільки обіцяно", "memory is asked for as much as was announced"];
    r"rawchat raw --ws 'ws://{host}/?user=A'    :bytes \x81\xff\x40\0\0\0\0\0\0\0\x01\x02\x03\x04"
"7.5" false frames after_a_kill "1.1 --" OURS, "1.1"
    ["після kill і нового запуску сервер знову працює", "after a kill and a new start it serves again"];
    ["200 на GET / на тому самому порту", "200 for GET / at the same port"];
    ["порт іще зайнятий: немає SO_REUSEADDR; або файл зі станом, який не читається", "the port is still taken: no SO_REUSEADDR; or a state file that cannot be read"];
    "kill -9 PID"
// ---- 8 Server-Sent Events
"8.1" true events goes_on "2.1" rfc(9112, "6.3"), "3.5"
    ["/events відповідає потоком подій, і відповідь не закінчується", "/events answers with a stream of events, and the answer does not end"];
    ["одразу 200, Content-Type: text/event-stream, Cache-Control: no-store, і з’єднання лишається", "at once 200, Content-Type: text/event-stream, Cache-Control: no-store, and the connection stays"];
    ["голову надсилають аж із першою подією, або після події закривають", "the head is sent with the first event only, or the connection is closed after an event"];
    "curl -iN '{url}/events?lastId=NEWEST'"
"8.2" true events everybody "8.1" OURS, "3.2"
    ["кожне повідомлення стає подією для всіх, одразу і по порядку", "each message becomes an event for everybody, at once and in order"];
    ["троє читачів: три події, у кожній id: і data: з JSON повідомлення", "three readers: three events, each with id: and with data: that is the JSON of the message"];
    ["немає порожнього рядка після події, немає id:, або будять одного", "no empty line after an event, no id:, or one reader is woken"];
    "curl -N '{url}/events?lastId=NEWEST' & sleep 1; curl -s {url}/messages -d user=A -d text=hi"
"8.3" true events lines "8.2" rfc(8259, "7"), "1.9"
    ["текст із кількох рядків — це одна подія", "a text of several lines is one event"];
    ["текст такий, як надіслано: у JSON новий рядок — це \n, або data: стоїть перед кожним рядком", "the text as it was said: in JSON a newline is \n, or each line has its data:"];
    ["текст вставлено як є: порожній рядок у ньому закінчує подію", "the text is put in as it is: an empty line in it ends the event"];
    "curl -s {url}/messages -d user=A --data-urlencode $'text=one\n\ntwo'; curl -N '{url}/events?lastId=0'"
"8.4" true events comes_back "8.2" OURS, "2.1"
    ["браузер, що вернувся з Last-Event-ID, нічого не пропускає", "a browser that comes back with Last-Event-ID misses nothing"];
    ["те, що після цієї події, і нічого двічі, хоч lastId в адресі старий", "what is after that event, and nothing twice, though lastId in the address is old"];
    ["зважають лише на lastId в адресі, а він щоразу той самий", "only lastId in the address is looked at, which is the same each time"];
    "curl -N -H 'Last-Event-ID: ID' '{url}/events?lastId=0'"
"8.5" false events comments "8.1" OURS, "3.5"
    ["довгу тишу перериває коментар", "a comment breaks a long silence"];
    ["рядок, що починається з двокрапки, не пізніше ніж за --hold (30 с)", "a line that begins with a colon, within --hold (30 s)"];
    ["сервер мовчить, і проксі закриває з’єднання", "the server is silent, and a proxy closes the connection"];
    "curl -N '{url}/events?lastId=NEWEST'    (зачекайте / wait)"
"8.6" false events jitter "8.1" OURS, "3.7"
    ["кожен читач дістає свій retry", "each reader has a retry of its own"];
    ["retry: і число мілісекунд, до якого додано випадкове", "retry: and a number of milliseconds, to which a random one was added"];
    ["усі, кого обірвало разом, разом і вертаються", "all who were cut off together come back together"];
    "for i in 1 2 3; do curl -sN -m 1 '{url}/events?lastId=NEWEST' | grep retry; done"
}
