//! Mails made of strangers' words: no header of theirs, no element of theirs, and words come out as they
//! went in (`reliability.md` I4, I5, I8, B7).
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail_parser::MessageParser;
use readership::clock::Timestamp;
use readership::ids::OutboxId;
use readership::mail::letters::{Button, Letter, List};
use readership::mail::message::compose;
use readership::mail::outbox::Claimed;
use readership::texts::Language;
use readership_fuzz::settings;

fn claimed(now: Timestamp) -> Claimed {
    Claimed {
        id: OutboxId::edge(now),
        kind: "link".to_owned(),
        recipient: "reader@example.test".to_owned(),
        link_id: None,
        change_id: None,
        member_id: None,
        notice_id: None,
        staff_link_id: None,
        staff_notice_id: None,
        attempts: 1,
        expires_at: now,
        created_at: now,
    }
}

fuzz_target!(|words: &str| {
    let now = Timestamp::from_millis(1_700_000_000_000);
    let language = if words.len() % 2 == 0 { Language::English } else { Language::Arabic };
    let letter = Letter {
        kind: "link",
        language,
        subject: language.fill("mail-questions", &[("address", words.into()), ("site", words.into())]),
        opening: vec![words.to_owned()],
        code: None,
        button: Some(Button { label: words.to_owned(), url: "https://members.site.test/members/".to_owned() }),
        closing: vec![words.to_owned()],
        list: Some(List {
            id: format!("{words} <wire.site.test>"),
            one_click: "https://members.site.test/unsubscribe/?u=1".to_owned(),
            page: "https://members.site.test/unsubscribe/?u=1".to_owned(),
            sender_name: Some(words.to_owned()),
            reply_to: Some(words.to_owned()),
        }),
    };
    let Ok(mail) = compose(settings(), &claimed(now), &letter) else { return };
    let end = mail.bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a mail has an end of its head");
    let head = std::str::from_utf8(&mail.bytes[..end]).expect("the head is text");
    let known = [
        "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted",
        "X-Auto-Response-Suppress", "Content-Language", "Feedback-ID", "List-Id", "List-Unsubscribe",
        "List-Unsubscribe-Post",
    ];
    for line in head.split("\r\n") {
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        assert!(line.len() <= 998, "a line of {} bytes", line.len());
        let is_folded = line.starts_with([' ', '\t']);
        assert!(is_folded || known.iter().any(|name| line.starts_with(&format!("{name}:"))), "{line:?}");
    }
    let parsed = MessageParser::default().parse(&mail.bytes).expect("it is a mail");
    assert_eq!(parsed.parts.len(), 3, "an alternative of two");
    let html = parsed.body_html(0).expect("it has a page");
    for forbidden in ["<script", "<img", "<iframe", "onerror=", "javascript:"] {
        let own = words.to_lowercase().contains(forbidden);
        assert!(!html.to_lowercase().contains(forbidden) || (own && !forbidden.starts_with('<')), "{html}");
    }
});
