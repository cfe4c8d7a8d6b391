//! What a browser adds to each request, as it was recorded: most of the bytes of a poll are these.

/// Whose they are. It is printed with every result.
pub const BROWSER: &str = "Chromium 156, Linux";

/// Of a page that is opened; HOST stands for the server.
pub const PAGE: &str = "\
Connection: keep-alive\r
sec-ch-ua: \"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"\r
sec-ch-ua-mobile: ?0\r
sec-ch-ua-platform: \"Linux\"\r
Upgrade-Insecure-Requests: 1\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r
Accept-Language: uk\r
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/jxl,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\r
Sec-Fetch-Site: none\r
Sec-Fetch-Mode: navigate\r
Sec-Fetch-User: ?1\r
Sec-Fetch-Dest: document\r
Accept-Encoding: identity\r
";

/// Of `fetch` in a page.
pub const FETCH: &str = "\
Connection: keep-alive\r
sec-ch-ua-platform: \"Linux\"\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r
sec-ch-ua: \"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"\r
Accept-Language: uk\r
sec-ch-ua-mobile: ?0\r
Accept: */*\r
Sec-Fetch-Site: same-origin\r
Sec-Fetch-Mode: cors\r
Sec-Fetch-Dest: empty\r
Referer: http://HOST/?user=Alice\r
Accept-Encoding: identity\r
";

/// Of `new WebSocket`, beside what the handshake needs.
pub const UPGRADE: &str = "\
Pragma: no-cache\r
Cache-Control: no-cache\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r
Accept-Language: uk\r
Origin: http://HOST\r
Accept-Encoding: identity\r
";
