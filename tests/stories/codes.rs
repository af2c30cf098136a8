//! Codes: six digits, five tries, only for the browser that asked (`reliability.md` T9, T10).

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::story;
use crate::support::people::{Answer, Person};
use crate::support::world::World;

/// Asks by the API for a mail with a code; returns the reference.
async fn asks_for_code(person: &Person, email: &str) -> String {
    let answer = person.asks_by_api(json!({"email": email, "emailType": "signin", "includeOTC": true})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()["otc_ref"].as_str().expect("a reference").to_owned()
}

async fn tries(person: &Person, reference: &str, code: &str) -> Answer {
    let token = person.integrity_token().await;
    person
        .posts_json("members/api/verify-otc/", &json!({"otc": code, "otcRef": reference, "integrityToken": token}))
        .await
}

/// The code in the newest of so many mails.
async fn code_of(world: &World, email: &str, count: usize) -> String {
    let mail = world.nth_mail(email, count).await;
    let text = mail.text();
    let code = text.lines().map(str::trim).find(|line| line.len() == 6 && line.bytes().all(|b| b.is_ascii_digit()));
    code.unwrap_or_else(|| panic!("no code in {text}")).to_owned()
}

/// A code that is not this one.
fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[track_caller]
fn is_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    assert_eq!(answer.json()["errors"][0]["code"], code, "{}", answer.body);
}

story! {
    async fn a_code_signs_in_where_it_was_asked_for(world: World) {
        world.member("ada@example.org").await;
        let ada = world.visitor();
        let reference = asks_for_code(&ada, "ada@example.org").await;
        let mail = world.nth_mail("ada@example.org", 2).await;
        let code = code_of(&world, "ada@example.org", 2).await;
        assert_eq!(mail.subject(), format!("{code} is your code for REX Wire"));

        let answer = tries(&ada, &reference, &code).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let redirect = answer.json()["redirectUrl"].as_str().unwrap().to_owned();
        assert!(redirect.starts_with(&format!("{}members/?token=", world.url)) && redirect.contains("otc_verification="));
        let answer = ada.opens(&redirect).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (302, "http://site.test/?action=signin&success=true"));
        assert!(ada.record().await.is_some());

        // Code and link are one: both are used now.
        world.visitor().opens(&world.nth_link("ada@example.org", 2).await).await.is_page_with_button(410);
        is_refused(&tries(&ada, &reference, &code).await, 400, "INVALID_OTC");
        let again = world.visitor().opens(&redirect).await;
        assert_eq!(again.location(), "http://site.test/?action=signin&success=false&errorCode=OTC_EXPIRED");
    }
}

story! {
    async fn the_address_of_a_right_code_is_good_for_five_minutes(world: World) {
        world.member("ada@example.org").await;
        let ada = world.visitor();
        let reference = asks_for_code(&ada, "ada@example.org").await;
        let code = code_of(&world, "ada@example.org", 2).await;
        let redirect = tries(&ada, &reference, &code).await.json()["redirectUrl"].as_str().unwrap().to_owned();
        let elsewhere = world.visitor();
        let forged = redirect.replace("otc_verification=", "otc_verification=1");
        let answer = elsewhere.opens(&forged).await;
        assert_eq!(answer.location(), "http://site.test/?action=signin&success=false&errorCode=INVALID_OTC_VERIFICATION_HASH");
        world.clock.advance(Duration::from_secs(300));
        let answer = elsewhere.opens(&redirect).await;
        assert_eq!(answer.location(), "http://site.test/?action=signin&success=false&errorCode=INVALID_OTC_VERIFICATION_HASH");
        assert!(elsewhere.record().await.is_none());
    }
}

story! {
    /// T9: five wrong ones, and neither code nor link works any more.
    async fn t9_five_wrong_codes_kill_code_and_link(world: World) {
        world.member("ada@example.org").await;
        let ada = world.visitor();
        let reference = asks_for_code(&ada, "ada@example.org").await;
        let code = code_of(&world, "ada@example.org", 2).await;
        for _ in 0..5 {
            is_refused(&tries(&ada, &reference, &wrong(&code)).await, 400, "INVALID_OTC");
        }
        is_refused(&tries(&ada, &reference, &code).await, 429, "OTC_CODE_ATTEMPTS_RATE_LIMITED");
        world.visitor().opens(&world.nth_link("ada@example.org", 2).await).await.is_page_with_button(410);
        assert!(ada.record().await.is_none());
    }
}

story! {
    async fn t9_of_many_tries_at_once_five_are_looked_at(world: World, with |settings| settings.limits.code_client_per_hour = 0) {
        world.member("ada@example.org").await;
        let ada = world.visitor();
        let reference = asks_for_code(&ada, "ada@example.org").await;
        let wrong = wrong(&code_of(&world, "ada@example.org", 2).await);
        let answers = join_all((0..60).map(|_| tries(&ada, &reference, &wrong))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 400).count(), 5);
        assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 55);
        assert_eq!(world.count("magic_links", "code_tries = 5 AND voided_at IS NOT NULL").await, 1);
    }
}

story! {
    async fn t9_a_client_has_thirty_tries_an_hour_at_whatever_codes(world: World) {
        let thief = world.visitor();
        let mut refused_at = None;
        'tries: for number in 0..20 {
            let reference = asks_for_code(&thief, &format!("reader{number}@example.org")).await;
            for tried in 0..2 {
                let answer = tries(&thief, &reference, "000000").await;
                if answer.status == 429 {
                    is_refused(&answer, 429, "OTC_TOTAL_ATTEMPTS_RATE_LIMITED");
                    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
                    refused_at = Some(number * 2 + tried);
                    break 'tries;
                }
            }
        }
        assert_eq!(refused_at, Some(30));
    }
}

story! {
    async fn a_code_ends_before_its_link(world: World) {
        world.member("ada@example.org").await;
        let ada = world.visitor();
        let reference = asks_for_code(&ada, "ada@example.org").await;
        let code = code_of(&world, "ada@example.org", 2).await;
        world.clock.advance(Duration::from_secs(600));
        is_refused(&tries(&ada, &reference, &code).await, 400, "INVALID_OTC");
        ada.opens(&world.nth_link("ada@example.org", 2).await).await;
        assert!(ada.record().await.is_some(), "the link lives for an hour");
    }
}

story! {
    /// T10: a code is good with its own reference only, and a reference says nothing.
    async fn t10_a_code_needs_its_own_reference(world: World) {
        world.member("ada@example.org").await;
        let (ada, thief) = (world.visitor(), world.visitor());
        let reference = asks_for_code(&ada, "ada@example.org").await;
        let code = code_of(&world, "ada@example.org", 2).await;
        let of_thief = asks_for_code(&thief, "thief@example.org").await;
        is_refused(&tries(&thief, &of_thief, &code).await, 400, "INVALID_OTC");
        is_refused(&tries(&thief, "00000000-0000-4000-8000-000000000000", &code).await, 400, "INVALID_OTC");
        is_refused(&tries(&thief, "rubbish", &code).await, 400, "INVALID_OTC");
        // Of known and unknown addresses references look alike, and wrong codes are answered alike.
        let shape = |text: &str| text.chars().map(|c| if c == '-' { '-' } else { 'x' }).collect::<String>();
        assert_eq!(shape(&reference), shape(&of_thief));
        for (person, reference) in [(&ada, &reference), (&thief, &of_thief)] {
            let mut body = tries(person, reference, "12").await.json();
            body["errors"][0]["id"] = Value::Null;
            assert_eq!(body["errors"][0]["message"], "Invalid verification code");
        }
        for body in [json!({}), json!({"otc": code}), json!({"otcRef": reference}), json!({"otc": 1, "otcRef": []})] {
            let mut body = body;
            body["integrityToken"] = json!(ada.integrity_token().await);
            is_refused(&ada.posts_json("members/api/verify-otc/", &body).await, 400, "OTC_VERIFICATION_MISSING_PARAMS");
        }
        let without = ada.posts_json("members/api/verify-otc/", &json!({"otc": code, "otcRef": reference})).await;
        assert_eq!(without.status, 400);
        assert_eq!(without.json()["errors"][0]["message"], "The request could not be understood.");
    }
}

story! {
    async fn codes_stand_nowhere_in_clear(world: World) {
        world.member("ada@example.org").await;
        let ada = world.visitor();
        asks_for_code(&ada, "ada@example.org").await;
        let code = code_of(&world, "ada@example.org", 2).await;
        let dump = world.dump().await;
        assert!(!dump.windows(6).any(|window| window == code.as_bytes()), "{code} stands in the database");
    }
}

story! {
    async fn without_a_script_the_code_is_typed_on_the_waiting_page(world: World) {
        world.member("ada@example.org").await;
        let ada = world.visitor();
        let back = "http://site.test/about/";
        let answer = ada.asks_with("signin", "ada@example.org", &[("then", "wait"), ("return_to", back)]).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/members/waiting/"));
        let page = ada.get("members/waiting/?code").await;
        assert!(page.body.contains("name=\"code\"") && !page.body.contains("http-equiv=\"refresh\""));
        assert!(ada.get("members/waiting/").await.body.contains("http-equiv=\"refresh\""));

        let code = code_of(&world, "ada@example.org", 2).await;
        let types = async |person: &Person, code: &str| {
            person.posts_from(world.url.origin().ascii_serialization().as_str(), "members/code/", &[("code", code)]).await
        };
        let refused = types(&ada, &wrong(&code)).await;
        assert_eq!(refused.status, 422);
        assert!(refused.body.contains("id=\"code-error\"") && refused.body.contains(&format!("value=\"{}\"", wrong(&code))));
        // Nobody else can type it, whatever cookie they have.
        let thief = world.visitor();
        thief.asks_with("signin", "thief@example.org", &[("then", "wait")]).await;
        assert_eq!(types(&thief, &code).await.status, 422);
        assert!(types(&world.visitor(), &code).await.body.contains("nothing to wait for"));

        let spaced = format!(" {} {} ", &code[..3], &code[3..]);
        let answer = types(&ada, &spaced).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "http://site.test/about/?action=signin&success=true#members-signin-ok"));
        assert!(ada.record().await.is_some());
    }
}

story! {
    async fn a_sign_up_is_confirmed_by_its_code_too(world: World) {
        let ada = world.visitor();
        ada.asks_with("signup", "ada@example.org", &[("then", "wait"), ("name", "Ada")]).await;
        let code = code_of(&world, "ada@example.org", 1).await;
        let answer = ada.posts("members/code/", &[("code", &code)]).await;
        assert!(answer.location().ends_with("members/account/?action=signup&success=true#members-signup-ok"), "{}", answer.location());
        assert_eq!(ada.record().await.unwrap()["name"], "Ada");
    }
}
