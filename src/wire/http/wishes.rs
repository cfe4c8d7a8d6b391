//! What a client would like best: a page or data, and in which language.

use super::Request;

impl Request {
    /// The members of a list of wishes, in small letters, and the weight of each: `text/html;q=0.8`
    /// is 0.8, and what has no weight is 1. RFC 9110 §12.4.2
    pub fn wishes(&self, name: &str) -> Vec<(String, f32)> {
        let wish = |item: &str| {
            let item = item.to_ascii_lowercase();
            let (wanted, parameters) = item.split_once(';').unwrap_or((&item, ""));
            let weight = parameters.split(';').find_map(|p| p.trim().strip_prefix("q="));
            (wanted.trim().into(), weight.and_then(|weight| weight.parse().ok()).unwrap_or(1.0))
        };
        self.list(name).map(wish).collect()
    }

    /// Whether a page of HTML is named among what is wanted, and nothing that a program would read
    /// is wanted more. RFC 9110 §12.5.1
    pub fn wants_page(&self) -> bool {
        let wishes = self.wishes("Accept");
        let weight = |kind: &str| wishes.iter().find(|(wanted, _)| wanted == kind).map(|(_, w)| *w);
        let page = weight("text/html").or(weight("text/*")).unwrap_or(0.0);
        let data = weight("application/json").or(weight("application/*")).or(weight("*/*"));
        page > 0.0 && page >= data.unwrap_or(0.0)
    }
}
